// Builds the page and the documentation's site where their tools are installed. An install without devDependencies has nothing to
// build them with: a published package contains both, and a clone's server says that it has none.
import { createRequire } from "node:module";

const { resolve } = createRequire(import.meta.url);
const isInstalled = (name) => {
  try {
    return resolve(`${name}/package.json`) !== undefined;
  } catch {
    return false;
  }
};

if (isInstalled("vite")) await import("./build.ts");
else console.log("the page is not built: vite comes with devDependencies, which were left out");
if (isInstalled("vitepress")) await import("../docs/site.ts");

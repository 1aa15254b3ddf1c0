/** Builds the page into web/dist if its sources are newer than the result; `--always` builds it in any case. */

import { join } from "node:path";
import { build } from "vite";
import { filesIn, isFresh } from "./freshness.ts";
import { precompress } from "./precompress.ts";

const folder = import.meta.dirname;
const built = join(folder, "dist");

const sources = async () => [
  ...(await filesIn(folder)).filter((file) => !file.startsWith(built)),
  join(folder, "..", "package-lock.json"),
];

if (process.argv.includes("--always") || !(await isFresh(join(built, "index.html"), await sources()))) {
  await build({ configFile: join(folder, "vite.config.ts") });
  await precompress(await filesIn(built));
}

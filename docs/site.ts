/** Builds the documentation's site into docs/dist when its pages are newer than what is there; `--always` builds it in any case. */

import { globSync } from "node:fs";
import { join } from "node:path";
import { build } from "vitepress";
import { filesIn, isFresh } from "../web/freshness.ts";
import { precompress } from "../web/precompress.ts";

const folder = import.meta.dirname;
const built = join(folder, "dist");

const sources = async () => [
  ...(await filesIn(folder)).filter((file) => !file.startsWith(built)),
  ...globSync("*.md", { cwd: join(folder, "..") }).map((file) => join(folder, "..", file)),
  join(folder, "..", "package-lock.json"),
];

if (process.argv.includes("--always") || !(await isFresh(join(built, "index.html"), await sources()))) {
  await build(folder);
  // gzip alone: the site is large, and read by few.
  await precompress(await filesIn(built), { brotli: false });
}

/** Builds the page into web/dist when its sources are newer than what is there; `--always` builds it in any case. */

import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build } from "vite";

const folder = import.meta.dirname;
const built = join(folder, "dist");

/** Smaller files gain nothing. */
const WORTH_COMPRESSING = 1024;
const COMPRESSIBLE = /\.(js|css|html|svg|webmanifest)$/;

async function filesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** When the newest of these files was changed, in milliseconds; 0 without files. */
async function newest(files: readonly string[]): Promise<number> {
  const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
  return Math.max(0, ...times);
}

async function isFresh(): Promise<boolean> {
  const index = await stat(join(built, "index.html")).catch(() => undefined);
  if (index === undefined) return false;
  const sources = (await filesIn(folder)).filter((file) => !file.startsWith(built));
  return (await newest([...sources, join(folder, "..", "package-lock.json")])) < index.mtimeMs;
}

/** Writes what browsers accept beside each file, so that the server compresses nothing. */
async function precompress(): Promise<void> {
  const brotli = promisify(brotliCompress);
  for (const file of await filesIn(built)) {
    const bytes = await readFile(file);
    if (!COMPRESSIBLE.test(file) || bytes.length < WORTH_COMPRESSING) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    await writeFile(`${file}.br`, await brotli(bytes, { params }));
    await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
  }
}

if (process.argv.includes("--always") || !(await isFresh())) {
  await build({ configFile: join(folder, "vite.config.ts") });
  await precompress();
}

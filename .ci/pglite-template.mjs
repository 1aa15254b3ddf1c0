// `npm run template`: makes the empty embedded database that new data folders begin with. To be run, and its result
// committed, when the version of PGlite changes; src/server/database/pglite.test.ts says when it was forgotten.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { PGlite } from "@electric-sql/pglite";

const assets = new URL("../assets/", import.meta.url);
const manifest = join(createRequire(import.meta.url).resolve("@electric-sql/pglite"), "../../package.json");
const { version } = JSON.parse(await readFile(manifest, "utf8"));
const lite = await PGlite.create();
const dump = await lite.dumpDataDir("none");
await lite.close();
for (const name of await readdir(assets)) if (name.startsWith("pglite-")) await rm(new URL(name, assets));
// PostgreSQL keeps three databases that are nearly the same, 7 MB apart: a window that sees all of them saves three quarters.
const params = {
  [constants.ZSTD_c_compressionLevel]: 22,
  [constants.ZSTD_c_windowLog]: 27,
  [constants.ZSTD_c_enableLongDistanceMatching]: 1,
};
const packed = zstdCompressSync(Buffer.from(await dump.arrayBuffer()), { params });
await writeFile(new URL(`pglite-${version}.tar.zst`, assets), packed);

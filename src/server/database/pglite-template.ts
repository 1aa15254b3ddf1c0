import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";

/**
 * An empty embedded database as a tar file, so that none has to be made when a server starts for the first time (8 s).
 * Undefined when the package has none for the version of PGlite installed: files of another version are never used.
 */
export async function pgliteTemplate(): Promise<Blob | undefined> {
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const { version } = JSON.parse(await readFile(join(entry, "../../package.json"), "utf8")) as { version: string };
  // From src/database and from dist/database alike.
  const path = new URL(`../../../assets/pglite-${version}.tar.zst`, import.meta.url);
  const packed = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return packed && new Blob([await promisify(zstdDecompress)(packed)]);
}

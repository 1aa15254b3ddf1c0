import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** Smallest file to compress: smaller ones gain nothing. */
const WORTH_COMPRESSING = 1024;
const COMPRESSIBLE = /\.(js|css|html|svg|webmanifest)$/;

/** Writes compressed copies beside each file, so that the server need not. Browsers accept Brotli over TLS and from loopback, gzip always. */
export async function precompress(files: readonly string[], { brotli: small = true } = {}): Promise<void> {
  const brotli = promisify(brotliCompress);
  for (const file of files) {
    const bytes = await readFile(file);
    if (!COMPRESSIBLE.test(file) || bytes.length < WORTH_COMPRESSING) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    if (small) await writeFile(`${file}.br`, await brotli(bytes, { params }));
    await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
  }
}

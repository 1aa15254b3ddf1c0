import { mkdir, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { fileSize } from "../file-size.ts";
import type { OpenPiece } from "./pieces.ts";

/**
 * Bytes that a conversion adds to the disk, at least: the results that do not exist yet, and the largest download. Each download is
 * deleted after its conversion.
 */
export async function bytesToConvert(open: readonly OpenPiece[]): Promise<number> {
  let [results, download] = [0, 0];
  for (const { piece, folder } of open) {
    const all = piece.shards.reduce((sum, shard) => sum + shard.results, 0);
    results += Math.max(0, all - (await bytesIn(folder)));
    download = Math.max(download, ...piece.shards.map((shard) => shard.download));
  }
  return results + download;
}

/**
 * Refuses work that does not fit on the disk, before it starts.
 * @param bytes to be added to the models directory
 * @throws Error with the space that is needed, and the space that is free
 */
export async function requireRoom(bytes: number, modelsDir: string): Promise<void> {
  if (bytes === 0) return;
  await mkdir(modelsDir, { recursive: true });
  const disk = await statfs(modelsDir).catch(() => undefined);
  if (!disk || disk.blocks === 0) return; // some network file systems do not report their size
  const free = disk.bavail * disk.bsize;
  if (free >= bytes) return;
  throw new Error(
    `it needs ${gigabytes(bytes)} GB of disk space; ${gigabytes(free)} GB are free. Free some space, or choose another place with INKSTONE_MODELS_DIR`,
  );
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder).catch((): string[] => []);
  const sizes = await Promise.all(names.map((name) => fileSize(join(folder, name))));
  return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
}

/** Small sizes keep two digits: nothing that is missing looks like 0. */
function gigabytes(bytes: number): string {
  return bytes > 0 && bytes < 5e7 ? (bytes / 1e9).toPrecision(2) : (bytes / 1e9).toFixed(1);
}

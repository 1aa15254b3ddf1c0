import { readFile, stat } from "node:fs/promises";

/** A checkpoint that cannot be used. The message names the file, tensor or key. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

/** @throws CheckpointError when the file is missing or is not JSON */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "is missing" : (cause as Error).message;
    throw new CheckpointError(`${path} ${reason}`, { cause });
  }
}

/** Identifies the content of a file without reading it: a replaced file has another identity. */
export async function fileIdentity(path: string): Promise<readonly [path: string, bytes: number, modified: number]> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, mtimeMs];
}

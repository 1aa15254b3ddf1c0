import { stat } from "node:fs/promises";

/** Tells which bytes a file holds without reading them: a file that was replaced has another identity. */
export async function fileIdentity(path: string): Promise<readonly [path: string, bytes: number, modified: number]> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, mtimeMs];
}

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export async function filesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** True when a built file is newer than all of its sources. */
export async function isFresh(built: string, sources: readonly string[]): Promise<boolean> {
  const { mtimeMs } = await stat(built).catch(() => ({ mtimeMs: -1 }));
  const times = await Promise.all(sources.map(async (file) => (await stat(file)).mtimeMs));
  return Math.max(0, ...times) < mtimeMs;
}

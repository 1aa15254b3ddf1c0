import { readdir } from "node:fs/promises";

/** What lies in a models directory, by name; none when there is no such directory. Hidden ones are not finished yet. */
export async function foldersIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => !name.startsWith(".")).sort();
}

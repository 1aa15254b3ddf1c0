import { checkpointFolder } from "./component-folder.ts";
import { fromFiles } from "./from-files.ts";
import { fromFolder } from "./from-folder.ts";
import type { CheckpointFiles, Ingredients, InPlace, Opened } from "./ingredients.ts";

/**
 * Opens everything that a checkpoint is to be made from, and finds out what is what.
 * @throws CheckpointError naming the file and what is wrong with it, or what is missing and how to give it
 */
export async function gatherCheckpoint(files: CheckpointFiles): Promise<Ingredients | InPlace> {
  const [first] = files.paths;
  const folder = first !== undefined && files.paths.length === 1 ? await checkpointFolder(first) : undefined;
  const opened: Opened = [];
  const close = () => {
    for (const one of opened) one.close();
  };
  try {
    if (folder !== undefined) return { ...(await fromFolder(folder, files, opened)), close };
    return { ...(await fromFiles(files, opened)), close };
  } catch (error) {
    close();
    throw error;
  }
}

import { checkpointFolder } from "./component-folder.ts";
import { fromFiles } from "./from-files.ts";
import { fromFolder } from "./from-folder.ts";
import type { CheckpointFiles, Ingredients, InPlace, Opened } from "./ingredients.ts";
import { withMerged } from "./merge.ts";

/**
 * Opens everything that a checkpoint is to be made from, and finds out what is what.
 * @param warn told about LoRAs that fit only in part
 * @throws CheckpointError naming the file and what is wrong with it, or what is missing and how to give it
 */
export async function gatherCheckpoint(
  files: CheckpointFiles,
  warn: (message: string) => void = () => {},
): Promise<Ingredients | InPlace> {
  const [first] = files.paths;
  const folder = first !== undefined && files.paths.length === 1 ? await checkpointFolder(first) : undefined;
  const opened: Opened = [];
  const close = () => {
    for (const one of opened) one.close();
  };
  try {
    const found = folder === undefined ? await fromFiles(files, opened) : await fromFolder(folder, files, opened);
    if ("inPlace" in found || !files.merge?.length) return { ...found, close };
    return { ...(await withMerged(found, files.merge, warn)), close };
  } catch (error) {
    close();
    throw error;
  }
}

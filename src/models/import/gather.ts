import { baseFolder, checkpointFolder } from "./component-folder.ts";
import { fromFiles } from "./from-files.ts";
import { fromFolder } from "./from-folder.ts";
import type { CheckpointFiles, Ingredients, InPlace, Opened } from "./ingredients.ts";
import { withMerged } from "./merge.ts";

/**
 * Opens all files of a future checkpoint and detects their content.
 * @param warn called for LoRAs with keys that fit no layer
 * @throws CheckpointError naming the file and its fault, or a missing part and the flag that provides it
 */
export async function gatherCheckpoint(
  given: CheckpointFiles,
  warn: (message: string) => void = () => {},
): Promise<Ingredients | InPlace> {
  const files = { ...given, base: await baseFolder(given.base) };
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

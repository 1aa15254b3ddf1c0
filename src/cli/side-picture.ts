import { mkdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { sideRecord } from "../drawing/index.ts";
import { encodeImage, type RgbImage } from "../pictures/index.ts";
import type { ControlNetPreprocessTask, UpscaleTask } from "../protocol/index.ts";
import { software } from "../version.ts";
import { outputTarget, shownPath, writeWhole } from "./output-file.ts";
import { print, type Terminal } from "./terminal.ts";

/** The flags of a command that makes one picture from another. */
export interface SideFlags {
  readonly out?: string;
  readonly format?: string;
  readonly [name: string]: string | undefined;
}

/**
 * Writes a picture that was made from another, with the task that makes it again inside, and prints its path.
 * @param file that it was made from
 * @param suffix of its name, unless `--out` says another
 */
export async function writeSidePicture(
  picture: RgbImage,
  task: ControlNetPreprocessTask | UpscaleTask,
  { file, suffix, flags }: { readonly file: string; readonly suffix: string; readonly flags: SideFlags },
  terminal: Terminal,
): Promise<void> {
  const asked = flags.format === undefined ? undefined : task.outputFormat;
  const target = await outputTarget(flags.out, asked, terminal.cwd);
  const { format, folder, stem = `${basename(file, extname(file))}-${suffix}`, extension } = target;
  const metadata = { software, parameters: sideRecord(task) };
  const bytes = await encodeImage(picture, { format, quality: task.outputQuality, metadata });
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${stem}.${extension}`);
  await writeWhole(path, bytes);
  print(terminal, shownPath(path, terminal.cwd));
}

import { basename, extname } from "node:path";
import type { Command } from "commander";
import { sideRecord } from "../drawing/index.ts";
import { encodeImage, type RgbImage } from "../pictures/index.ts";
import type { ControlNetPreprocessTask, UpscaleTask } from "../protocol/index.ts";
import { software } from "../version.ts";
import { type OutputTarget, outputPath, outputTarget, requireWritable, shownPath, writeWhole } from "./output-file.ts";
import { print, type Terminal } from "./terminal.ts";

/** The flags of a command that makes one picture from another. */
export interface SideFlags {
  readonly out?: string;
  readonly format?: string;
  readonly overwrite?: boolean;
  readonly [name: string]: string | boolean | undefined;
}

type SideTask = ControlNetPreprocessTask | UpscaleTask;

/** `--out`, `--overwrite` and what they mean, of every such command. */
export function withOutput(command: Command, otherwise: string): Command {
  return command
    .option("--out <file|folder>", `Where to write (default: ${otherwise} in this folder)`)
    .option("--overwrite", "Replace the file that --out names, if it is there; without this it is refused.");
}

/**
 * Where the picture goes; asked before it is made.
 * @throws UsageError when it cannot be written there, or something is there that may not be replaced
 */
export async function sideTarget(task: SideTask, flags: SideFlags, terminal: Terminal): Promise<OutputTarget> {
  const format = flags.format === undefined ? undefined : task.outputFormat;
  const target = await outputTarget({ out: flags.out, overwrite: flags.overwrite, format }, terminal.cwd);
  await requireWritable(target, 1, terminal.cwd);
  return target;
}

/**
 * Writes a picture that was made from another, with the task that makes it again inside, and prints its path.
 * @param file that it was made from
 * @param suffix of its name, unless `--out` says another
 */
export async function writeSidePicture(
  picture: RgbImage,
  task: SideTask,
  { target, file, suffix }: { readonly target: OutputTarget; readonly file: string; readonly suffix: string },
  terminal: Terminal,
): Promise<void> {
  const metadata = { software, parameters: sideRecord(task) };
  const bytes = await encodeImage(picture, { format: target.format, quality: task.outputQuality, metadata });
  const path = await outputPath(target, { otherwise: `${basename(file, extname(file))}-${suffix}` });
  await writeWhole(path, bytes);
  print(terminal, shownPath(path, terminal.cwd));
}

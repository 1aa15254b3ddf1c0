import { basename, extname } from "node:path";
import type { Command } from "commander";
import { sideRecord } from "../drawing/index.ts";
import { encodeImage, type PictureMetadata, type RgbImage, type WrittenFormat } from "../pictures/index.ts";
import type { ControlNetPreprocessTask, UpscaleTask, VectorizeTask } from "../protocol/index.ts";
import { software } from "../version.ts";
import {
  type OutputTarget,
  outputPath,
  outputTarget,
  type PICTURES,
  requireWritable,
  shownPath,
  writeWhole,
} from "./output-file.ts";
import { print, type Terminal } from "./terminal.ts";

/** The flags of a command that makes one image from another. */
export interface SideFlags {
  readonly out?: string;
  readonly format?: string;
  readonly overwrite?: boolean;
  readonly [name: string]: string | boolean | undefined;
}

/** Adds `--out` and `--overwrite`, with the same meaning in every such command. */
export function withOutput(command: Command, otherwise: string): Command {
  return command
    .option("--out <file|folder>", `Where to write (default: ${otherwise} in this folder)`)
    .option("--overwrite", "Replace an existing file that --out names. Without this flag, the command refuses.");
}

/**
 * The destination of the image. Checked before the image is made.
 * @param formats the formats that the file may have
 * @throws UsageError if the file cannot be written, or exists and may not be replaced
 */
export async function sideTarget<Format extends WrittenFormat>(
  task: { readonly outputFormat: Format },
  flags: SideFlags,
  formats: readonly [Format, ...Format[]],
  terminal: Terminal,
): Promise<OutputTarget<Format>> {
  const format = flags.format === undefined ? undefined : task.outputFormat;
  const target = await outputTarget({ out: flags.out, overwrite: flags.overwrite, format }, formats, terminal.cwd);
  await requireWritable(target, 1, terminal.cwd);
  return target;
}

/** The destination of an image, and its name without extension unless `--out` gives another. */
export interface SideFile<Format extends WrittenFormat> {
  readonly target: OutputTarget<Format>;
  readonly otherwise: string;
}

/** The name of a file, without folder and extension. */
export const stemOf = (file: string): string => basename(file, extname(file));

/** Writes an image that was made from another, with the task that reproduces it, and prints its path. */
export async function writeSidePicture(
  picture: RgbImage,
  task: ControlNetPreprocessTask | UpscaleTask,
  place: SideFile<(typeof PICTURES)[number]>,
  terminal: Terminal,
): Promise<void> {
  const { format } = place.target;
  const bytes = await encodeImage(picture, { format, quality: task.outputQuality, metadata: sideMetadata(task) });
  await writeSideFile(bytes, place, terminal);
}

/** The metadata of a file: the task that reproduces it. */
export const sideMetadata = (task: ControlNetPreprocessTask | UpscaleTask | VectorizeTask): PictureMetadata => ({
  software,
  parameters: sideRecord(task),
});

/** Writes a file that was made from another, and prints its path. */
export async function writeSideFile(
  bytes: Uint8Array,
  { target, otherwise }: SideFile<WrittenFormat>,
  terminal: Terminal,
): Promise<void> {
  const path = await outputPath(target, { otherwise });
  await writeWhole(path, bytes);
  print(terminal, shownPath(path, terminal.cwd));
}

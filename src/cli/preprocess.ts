import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, extname, join, relative } from "node:path";
import { Command } from "commander";
import { guideFromTask, guideRecord } from "../drawing/index.ts";
import { encodeImage, formatFromName, guideImage } from "../pictures/index.ts";
import { type ControlNetPreprocessTask, PREPROCESSORS, parseTask } from "../protocol/index.ts";
import { software } from "../version.ts";
import { UsageError } from "./exit.ts";
import { carriedPicture, pictureFile } from "./input-pictures.ts";
import { outputTarget, writeWhole } from "./output-file.ts";
import { print, type Terminal } from "./terminal.ts";

interface Flags {
  readonly low?: string;
  readonly high?: string;
  readonly width?: string;
  readonly height?: string;
  readonly out?: string;
  readonly format?: string;
  readonly quality?: string;
}

/** `inkstone preprocess KIND FILE`: a guide image for `--control`. */
export function preprocessCommand(terminal: Terminal): Command {
  return new Command("preprocess")
    .description("Turn a picture into the guide image of a ControlNet. Prints the path of the guide.")
    .argument("<kind>", `${PREPROCESSORS.join(", ")}: edges, strokes, soft edges, the picture without fine detail`)
    .argument("<file>", "PNG, JPG or WEBP")
    .option("--low <n>", "canny: gradients above it are edges where they touch a strong one, 0 to 255 (default: 100)")
    .option("--high <n>", "canny: gradients above it are edges, 0 to 255 (default: 200)")
    .option("--width <pixels>", "shrink to fit, 16 to 2048 (default: 2048)")
    .option("--height <pixels>", "shrink to fit, 16 to 2048 (default: 2048)")
    .option("--out <file|folder>", "where to write (default: FILE-KIND in this folder)")
    .option("--format <name>", "PNG, JPG or WEBP (default: by the extension of --out, else PNG)")
    .option("--quality <n>", "of JPG and WEBP, 20 to 99 (default: 95)")
    .addHelpText(
      "after",
      `
Example:
  inkstone preprocess canny photo.jpg --out edges.png
  inkstone generate "a paper lantern" --control inkstone:canny@1 --guide edges.png`,
    )
    .action(async (kind: string, file: string, flags: Flags) => {
      const task = await readTask(kind, file, flags, terminal);
      const { picture, filter } = await guideFromTask(task, await carriedPicture(file, task.inputImage));
      const guide = guideImage(picture, filter);
      const target = await outputTarget(
        flags.out,
        flags.format === undefined ? undefined : task.outputFormat,
        terminal.cwd,
      );
      const { format, folder, stem = `${basename(file, extname(file))}-${kind}`, extension } = target;
      const metadata = { software, parameters: guideRecord(task) };
      const bytes = await encodeImage(guide, { format, quality: task.outputQuality, metadata });
      await mkdir(folder, { recursive: true });
      const path = join(folder, `${stem}.${extension}`);
      await writeWhole(path, bytes);
      print(terminal, relative(terminal.cwd, path).startsWith("..") ? path : relative(terminal.cwd, path));
    });
}

const flagOf: Readonly<Record<string, string>> = {
  preProcessorType: "KIND",
  lowThresholdCanny: "--low",
  highThresholdCanny: "--high",
  width: "--width",
  height: "--height",
  outputFormat: "--format",
  outputQuality: "--quality",
};

async function readTask(preProcessorType: string, file: string, flags: Flags, terminal: Terminal) {
  const number = (text: string | undefined) => (text === undefined || !/^-?\d+$/.test(text) ? text : Number(text));
  const parsed = parseTask({
    taskType: "controlNetPreprocess",
    taskUUID: randomUUID(),
    preProcessorType,
    inputImage: await pictureFile("FILE", file, terminal),
    lowThresholdCanny: number(flags.low),
    highThresholdCanny: number(flags.high),
    width: number(flags.width),
    height: number(flags.height),
    outputQuality: number(flags.quality),
    outputFormat: flags.format && (formatFromName(flags.format) ?? flags.format),
  });
  if (parsed.ok) return parsed.task as ControlNetPreprocessTask;
  const lines = parsed.errors.map(({ facts, message }) => `${flagOf[String(facts.parameter)] ?? "task"}: ${message}`);
  throw new UsageError(lines.join("\n"));
}

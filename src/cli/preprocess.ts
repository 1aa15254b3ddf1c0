import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, extname, join, relative } from "node:path";
import { Command } from "commander";
import { guideFromTask, guideRecord } from "../drawing/index.ts";
import { encodeImage, guideImage } from "../pictures/index.ts";
import { type ControlNetPreprocessTask, PREPROCESSORS, parseTask } from "../protocol/index.ts";
import { software } from "../version.ts";
import { UsageError } from "./exit.ts";
import { carriedPicture, pictureFile } from "./input-pictures.ts";
import { outputTarget, writeWhole } from "./output-file.ts";
import { taskFlags } from "./task-flags.ts";
import { print, type Terminal } from "./terminal.ts";

const preprocessFlags = taskFlags(
  "controlNetPreprocess",
  {
    lowThresholdCanny: "--low <n>",
    highThresholdCanny: "--high <n>",
    width: { flags: "--width <pixels>", about: "Shrinks to fit.", otherwise: "2048" },
    height: { flags: "--height <pixels>", about: "Shrinks to fit.", otherwise: "2048" },
    outputFormat: { flags: "--format <name>", about: "File format.", otherwise: "by the extension of --out, else PNG" },
    outputQuality: "--quality <n>",
  },
  { preProcessorType: "KIND", inputImage: "FILE" },
);

interface Flags {
  readonly out?: string;
  readonly format?: string;
  readonly [name: string]: string | undefined;
}

/** `inkstone preprocess KIND FILE`: a guide image for `--control`. */
export function preprocessCommand(terminal: Terminal): Command {
  const command = new Command("preprocess")
    .description("Turn a picture into the guide image of a ControlNet. Prints the path of the guide.")
    .argument("<kind>", `${PREPROCESSORS.join(", ")}: edges, strokes, soft edges, the picture without fine detail`)
    .argument("<file>", "PNG, JPG, WEBP, AVIF, GIF or TIFF")
    .option("--out <file|folder>", "Where to write (default: FILE-KIND in this folder)");
  return preprocessFlags
    .addTo(command)
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

async function readTask(preProcessorType: string, file: string, flags: Flags, terminal: Terminal) {
  const parsed = parseTask({
    taskType: "controlNetPreprocess",
    taskUUID: randomUUID(),
    preProcessorType,
    inputImage: await pictureFile("FILE", file, terminal),
    ...(await preprocessFlags.read(flags, terminal)),
  });
  if (parsed.ok) return parsed.task as ControlNetPreprocessTask;
  throw new UsageError(
    parsed.errors.map(({ facts, message }) => preprocessFlags.named(facts.parameter, message)).join("\n"),
  );
}

import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { guideFromTask } from "../drawing/index.ts";
import { guideImage } from "../pictures/index.ts";
import { type ControlNetPreprocessTask, PREPROCESSORS, parseTask } from "../protocol/index.ts";
import { carriedPicture, pictureFile } from "./input-pictures.ts";
import { PICTURES } from "./output-file.ts";
import { type SideFlags, sideTarget, stemOf, withOutput, writeSidePicture } from "./side-picture.ts";
import { taskFlags } from "./task-flags.ts";
import type { Terminal } from "./terminal.ts";

const preprocessFlags = taskFlags(
  "controlNetPreprocess",
  {
    lowThresholdCanny: "--low <n>",
    highThresholdCanny: "--high <n>",
    width: { flags: "--width <pixels>", about: "Largest width. A larger image is scaled down." },
    height: { flags: "--height <pixels>", about: "Largest height. A larger image is scaled down." },
    outputFormat: {
      flags: "--format <name>",
      about: "File format.",
      otherwise: "from the extension of --out, else PNG",
    },
    outputQuality: "--quality <n>",
  },
  { preProcessorType: "KIND", inputImage: "FILE" },
);

/** `inkstone preprocess KIND FILE`: a guide image for `--control`. */
export function addPreprocess(command: Command, terminal: Terminal): void {
  command
    .argument("<kind>", `${PREPROCESSORS.join(", ")}: edges, strokes, soft edges, the image without fine detail.`)
    .argument("<file>", "The image: PNG, JPG, WEBP, AVIF, GIF or TIFF.");
  withOutput(command, "FILE-KIND");
  preprocessFlags
    .addTo(command)
    .addHelpText(
      "after",
      `
Example:
  inkstone preprocess canny photo.jpg --out edges.png
  inkstone generate "a paper lantern" --control inkstone:canny@1 --guide edges.png`,
    )
    .action(async (kind: string, file: string, flags: SideFlags) => {
      const task = await readTask(kind, file, flags, terminal);
      const target = await sideTarget(task, flags, PICTURES, terminal);
      const { picture, filter } = await guideFromTask(task, await carriedPicture(file, task.inputImage));
      await writeSidePicture(
        guideImage(picture, filter),
        task,
        { target, otherwise: `${stemOf(file)}-${kind}` },
        terminal,
      );
    });
}

async function readTask(preProcessorType: string, file: string, flags: SideFlags, terminal: Terminal) {
  const parsed = parseTask({
    taskType: "controlNetPreprocess",
    taskUUID: randomUUID(),
    preProcessorType,
    inputImage: await pictureFile("FILE", file, terminal),
    ...(await preprocessFlags.read(flags, terminal)),
  });
  if (parsed.ok) return parsed.task as ControlNetPreprocessTask;
  throw preprocessFlags.refusal(parsed.errors);
}

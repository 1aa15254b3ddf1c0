import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { traceImage } from "../drawing/index.ts";
import { svgFile } from "../pictures/index.ts";
import { parseTask, type VectorizeTask } from "../protocol/index.ts";
import { carriedPicture, pictureFile } from "./input-pictures.ts";
import { type SideFlags, sideMetadata, sideTarget, stemOf, withOutput, writeSideFile } from "./side-picture.ts";
import { taskFlags } from "./task-flags.ts";
import type { Terminal } from "./terminal.ts";

const vectorizeFlags = taskFlags("vectorize", {}, { "inputs.image": "FILE" });

/** `inkstone vectorize FILE`: an SVG file of its shapes. */
export function addVectorize(command: Command, terminal: Terminal): void {
  command.argument("<file>", "The image: PNG, JPG, WEBP, AVIF, GIF or TIFF.");
  withOutput(command, "FILE.svg");
  command.action(async (file: string, flags: SideFlags) => {
    const task = await readTask(file, terminal);
    const target = await sideTarget(task, flags, ["SVG"], terminal);
    const picture = await carriedPicture(file, task.inputs.image);
    const shapes = await traceImage(picture, { signal: terminal.signal });
    const { width, height } = picture;
    const bytes = svgFile(shapes, { width, height, metadata: sideMetadata(task) });
    await writeSideFile(bytes, { target, otherwise: stemOf(file) }, terminal);
  });
}

async function readTask(file: string, terminal: Terminal): Promise<VectorizeTask> {
  const image = await pictureFile("FILE", file, terminal);
  const parsed = parseTask({ taskType: "vectorize", taskUUID: randomUUID(), inputs: { image } });
  if (parsed.ok) return parsed.task as VectorizeTask;
  throw vectorizeFlags.refusal(parsed.errors);
}

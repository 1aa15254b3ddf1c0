import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { finishingNetworks } from "../drawing/index.ts";
import { onWhite } from "../pictures/index.ts";
import { parseTask, type UpscaleTask } from "../protocol/index.ts";
import { carriedPicture, pictureFile } from "./input-pictures.ts";
import { PICTURES } from "./output-file.ts";
import { createProgress } from "./progress.ts";
import { type SideFlags, sideTarget, stemOf, withOutput, writeSidePicture } from "./side-picture.ts";
import { letSignalsIn } from "./stop-signals.ts";
import { taskFlags } from "./task-flags.ts";
import type { Terminal } from "./terminal.ts";

const upscaleFlags = taskFlags(
  "upscale",
  {
    upscaleFactor: "--factor <n>",
    outputFormat: {
      flags: "--format <name>",
      about: "File format.",
      otherwise: "from the extension of --out, else PNG",
    },
    outputQuality: "--quality <n>",
  },
  { "inputs.image": "FILE" },
);

/** `inkstone upscale FILE`: an enlarged image. */
export function addUpscale(command: Command, terminal: Terminal): void {
  command.argument("<file>", "The image: PNG, JPG, WEBP, AVIF, GIF or TIFF.");
  withOutput(command, "FILE-Nx");
  upscaleFlags.addTo(command).action(async (file: string, flags: SideFlags) => {
    const task = await readTask(file, flags, terminal);
    const target = await sideTarget(task, flags, PICTURES, terminal);
    const picture = onWhite(await carriedPicture(file, task.inputs.image));
    const networks = finishingNetworks();
    const progress = createProgress(terminal, 1);
    try {
      const enlarged = await networks.upscale(picture, task.upscaleFactor as 2 | 3 | 4, {
        signal: terminal.signal,
        async onTile(step, steps) {
          progress.step({ image: 0, step, steps, share: step / steps });
          await letSignalsIn();
        },
      });
      progress.end();
      await writeSidePicture(enlarged, task, { target, otherwise: `${stemOf(file)}-${task.upscaleFactor}x` }, terminal);
    } finally {
      progress.end();
      await networks.release();
    }
  });
}

async function readTask(file: string, flags: SideFlags, terminal: Terminal): Promise<UpscaleTask> {
  const parsed = parseTask({
    taskType: "upscale",
    taskUUID: randomUUID(),
    inputs: { image: await pictureFile("FILE", file, terminal) },
    ...(await upscaleFlags.read(flags, terminal)),
  });
  if (parsed.ok) return parsed.task as UpscaleTask;
  throw upscaleFlags.refusal(parsed.errors);
}

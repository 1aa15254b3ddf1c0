import { setImmediate as nextTurn } from "node:timers/promises";
import { type OpenedDevice, openDevice, ParameterError, Pipeline } from "../../engine/index.ts";
import { guideImage, type RgbImage } from "../../pictures/index.ts";
import { drawFinished } from "../finish.ts";
import { finishingNetworks } from "../networks.ts";
import { PictureRefused } from "../safety.ts";
import type { EngineFailure, EngineReport, EngineRequest, EngineSetup, EngineWork } from "./messages.ts";

/**
 * The engine process. It holds one checkpoint at a time and handles one request after the other. `engine-process.ts` starts it with an
 * `EngineSetup` as its argument. It exits when its parent does.
 */
const { threads, device, precision, deviceMemory, faceModel, idleMs }: EngineSetup = JSON.parse(
  process.argv[2] ?? "{}",
);
const networks = finishingNetworks({ threads, faceModel, idleMs });
/** A GPU is opened and tested once. The operators of the processor depend on the checkpoint. */
let opened: OpenedDevice | undefined;
let loaded: { checkpoint: string; pipeline: Pipeline } | undefined;
let current: { id: number; abort: AbortController } | undefined;

// Ctrl-C and process managers signal the whole process group. The parent decides how long running work may take.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
process.on("disconnect", () => process.exit(0));
process.on("message", (request: EngineRequest) => {
  if (request.type === "abort") {
    if (current?.id === request.id) current.abort.abort();
  } else void fulfil(request.id, request);
});

async function fulfil(id: number, work: EngineWork): Promise<void> {
  const abort = new AbortController();
  current = { id, abort };
  try {
    if (work.type === "open") {
      opened ??= await openDevice(device, { precision });
      report({ type: "opened", id, note: opened.note });
    } else if (work.type === "draw") await draw(id, work, abort.signal);
    else if (work.type === "load") {
      await load(work.checkpoint);
      report({ type: "loaded", id });
    } else {
      const image =
        work.type === "guide" ? guideImage(work.picture, work.filter) : await upscale(id, work, abort.signal);
      const { width, height, pixels } = image;
      report({ type: "image", id, index: 0, image: { width, height, pixels }, findings: {} });
    }
    report({ type: "done", id });
  } catch (error) {
    report(abort.signal.aborted ? { type: "aborted", id } : { type: "failed", id, error: asFailure(error as Error) });
  }
}

async function draw(
  id: number,
  { checkpoint, plan, previews }: Extract<EngineWork, { type: "draw" }>,
  signal: AbortSignal,
): Promise<void> {
  const pipeline = await load(checkpoint);
  report({ type: "loaded", id });
  await drawFinished(pipeline, networks, plan, {
    signal,
    async onStep({ preview, ...progress }) {
      report({ type: "step", id, ...progress, preview: previews ? await preview?.() : undefined });
      await nextTurn(); // lets an abort message arrive
    },
    onStage: (stage) => report({ type: "stage", id, stage }),
    onWarning: (message) => report({ type: "warning", id, message }),
    onImage: (image, index, findings) => report({ type: "image", id, index, image, findings }),
  });
}

function upscale(
  id: number,
  { picture, factor }: Extract<EngineWork, { type: "upscale" }>,
  signal: AbortSignal,
): Promise<RgbImage> {
  return networks.upscale(picture, factor, {
    signal,
    async onTile(step, steps) {
      report({ type: "step", id, image: 0, step, steps, share: step / steps });
      await nextTurn(); // lets an abort message arrive
    },
  });
}

async function load(checkpoint: string): Promise<Pipeline> {
  if (loaded?.checkpoint === checkpoint) return loaded.pipeline;
  const previous = loaded?.pipeline;
  loaded = undefined; // even if releasing fails, it is not used again
  await previous?.dispose();
  const pipeline = await Pipeline.load(checkpoint, { threads, device: opened ?? device, precision, deviceMemory });
  loaded = { checkpoint, pipeline };
  return pipeline;
}

function asFailure(error: Error): EngineFailure {
  const { name, message } = error;
  if (error instanceof ParameterError) return { name, message, parameter: error.parameter };
  if (error instanceof PictureRefused) return { name, message, index: error.index };
  return { name, message };
}

function report(message: EngineReport): void {
  process.send?.(message, () => {}); // the parent may have exited
}

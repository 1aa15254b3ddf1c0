import { setImmediate as nextTurn } from "node:timers/promises";
import { ParameterError, Pipeline } from "../../engine/index.ts";
import { leaveWithParent } from "../lazy-process/index.ts";
import type { EngineFailure, EngineReport, EngineRequest } from "./messages.ts";

/**
 * The engine process: the only one that loads ONNX Runtime. It holds one checkpoint at a time and draws what it is asked,
 * one request after the other. Started by `engine-process.ts`, with the number of threads as its argument if that is not to be
 * one per core; leaves when its parent does.
 */
let loaded: { checkpoint: string; pipeline: Pipeline } | undefined;
const threads = process.argv[2];
let current: { id: number; abort: AbortController } | undefined;

leaveWithParent();
process.on("message", (request: EngineRequest) => {
  if (request.type === "abort") {
    if (current?.id === request.id) current.abort.abort();
  } else void draw(request);
});

async function draw(request: Extract<EngineRequest, { type: "generate" }>): Promise<void> {
  const { id, previews } = request;
  const abort = new AbortController();
  current = { id, abort };
  try {
    const pipeline = await load(request.checkpoint);
    report({ type: "loaded", id });
    await pipeline.generate(request.params, {
      signal: abort.signal,
      async onStep({ image, step, steps, sigma, preview }) {
        report({ type: "step", id, image, step, steps, sigma, ...(previews && { preview: await preview() }) });
        await nextTurn(); // lets an abort message in
      },
      onWarning: (message) => report({ type: "warning", id, message }),
      onImage: (image, index) => report({ type: "image", id, index, image }),
    });
    report({ type: "done", id });
  } catch (error) {
    report(abort.signal.aborted ? { type: "aborted", id } : { type: "failed", id, error: asFailure(error as Error) });
  }
}

async function load(checkpoint: string): Promise<Pipeline> {
  if (loaded?.checkpoint === checkpoint) return loaded.pipeline;
  const previous = loaded?.pipeline;
  loaded = undefined; // whether or not it can be freed, it is not drawn with again
  await previous?.dispose();
  const pipeline = await Pipeline.load(checkpoint, threads === undefined ? {} : { threads: Number(threads) });
  loaded = { checkpoint, pipeline };
  return pipeline;
}

function asFailure(error: Error): EngineFailure {
  const { name, message } = error;
  return error instanceof ParameterError ? { name, message, parameter: error.parameter } : { name, message };
}

function report(message: EngineReport): void {
  process.send?.(message, () => {}); // a parent that is gone needs no report
}

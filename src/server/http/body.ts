/** Bodies and frames: their JSON, and the pictures in it. Large ones are parsed in a thread, so that others are served meanwhile. */

import { Worker } from "node:worker_threads";
import { type ErrorCode, parseRequestJson, TaskError } from "../../protocol/index.ts";
import { type InlinePictures, takePictures } from "./inline-pictures.ts";

export interface ParsedBody {
  readonly json: unknown;
  /** The pictures that were inside; their imageUUIDs stand in their place. */
  readonly pictures: InlinePictures;
}

/** Parses bodies of the API. */
export interface BodyParser {
  /** At once, for small bodies. @throws TaskError */
  parse(bytes: Uint8Array, owner: string | undefined): ParsedBody;
  /** In a thread, for large ones. Rejects with a TaskError. `bytes` is gone after that. */
  parseLarge(bytes: Uint8Array, owner: string | undefined): Promise<ParsedBody>;
  close(): Promise<void>;
}

/** What the thread is asked. */
export interface ParseJob {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly maxTasks: number;
  readonly owner: string | undefined;
}

/** What became of a job: its result, or what its TaskError is made of. */
export interface ParseOutcome {
  readonly id: number;
  readonly result?: ParsedBody;
  readonly error?: { readonly code: ErrorCode; readonly values: TaskError["values"] };
}

/** Bodies up to this are parsed where they arrive: that takes some milliseconds, about as long as handing them to a thread. */
export const SMALL_BODY_BYTES = 256 * 1024;

/** Of the thread: a body of the largest size allowed, as bytes, text and values. */
const THREAD_MEMORY_MB = 2_048;

/** Parses one body. Without an owner, pictures stay in the JSON. */
export function parseBody(bytes: Uint8Array, maxTasks: number, owner: string | undefined): ParsedBody {
  const json = parseRequestJson(bytes, { maxTasks });
  return { json, pictures: owner === undefined ? new Map() : takePictures(json, owner) };
}

/** A parser whose thread begins with the first large body. */
export function createBodyParser(maxTasks: number): BodyParser {
  const waiting = new Map<number, PromiseWithResolvers<ParsedBody>>();
  let thread: Worker | undefined;
  let jobs = 0;

  const start = (): Worker => {
    const fresh = new Worker(new URL(import.meta.url.replace(/body\.(ts|js)$/, "body-child.$1")), {
      resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
    });
    fresh.unref();
    fresh.on("message", ({ id, result, error }: ParseOutcome) => {
      const job = waiting.get(id);
      waiting.delete(id);
      if (result) job?.resolve(result);
      else job?.reject(new TaskError(error!.code, error!.values));
      if (waiting.size === 0) fresh.unref();
    });
    // A body that the thread has no memory for ends the thread, and whatever waits for it.
    fresh.on("error", (cause) => {
      const reason = "It takes too much memory.";
      for (const { reject } of waiting.values()) reject(new TaskError("invalidRequest", { reason }, {}, { cause }));
      waiting.clear();
      if (thread === fresh) thread = undefined;
    });
    return fresh;
  };

  return {
    parse: (bytes, owner) => parseBody(bytes, maxTasks, owner),
    parseLarge(bytes, owner) {
      thread ??= start();
      thread.ref();
      const id = jobs++;
      const job = Promise.withResolvers<ParsedBody>();
      waiting.set(id, job);
      // Small buffers lie in a pool that cannot be given away.
      const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
      thread.postMessage({ id, bytes: own, maxTasks, owner } satisfies ParseJob, [own.buffer as ArrayBuffer]);
      return job.promise;
    },
    async close() {
      await thread?.terminate();
    },
  };
}

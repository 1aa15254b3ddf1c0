/**
 * Parsing of bodies and frames: their JSON and the images in it. Large ones are parsed in a thread, so that other
 * requests are served meanwhile.
 */

import { Worker } from "node:worker_threads";
import { type ErrorCode, parseRequestJson, TaskError } from "../../protocol/index.ts";
import { type InlinePictures, takePictures } from "./inline-pictures.ts";

export interface ParsedBody {
  readonly json: unknown;
  /** The images in the body. Their imageUUIDs replace them in the JSON. */
  readonly pictures: InlinePictures;
}

/** Parses bodies of the API. */
export interface BodyParser {
  /** Parses a small body synchronously. @throws TaskError */
  parse(bytes: Uint8Array, owner: string | undefined): ParsedBody;
  /** Parses a large body in a thread. Rejects with a TaskError. Transfers `bytes`. */
  parseLarge(bytes: Uint8Array, owner: string | undefined): Promise<ParsedBody>;
  close(): Promise<void>;
}

/** A job of the thread. */
export interface ParseJob {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly maxTasks: number;
  readonly owner: string | undefined;
}

/** The outcome of a job: its result, or the contents of its TaskError. */
export interface ParseOutcome {
  readonly id: number;
  readonly result?: ParsedBody;
  readonly error?: { readonly code: ErrorCode; readonly values: TaskError["values"] };
}

/**
 * Largest body that is parsed in the main thread. This takes some milliseconds, about as long as a transfer to the
 * thread.
 */
export const SMALL_BODY_BYTES = 256 * 1024;

/** Memory of the thread: a body of the largest allowed size as bytes, text and values. */
const THREAD_MEMORY_MB = 2_048;

/** Parses one body. Without an owner, images stay in the JSON. */
export function parseBody(bytes: Uint8Array, maxTasks: number, owner: string | undefined): ParsedBody {
  const json = parseRequestJson(bytes, { maxTasks });
  return { json, pictures: owner === undefined ? new Map() : takePictures(json, owner) };
}

/** A parser whose thread starts with the first large body. */
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
    // A body that exceeds the memory of the thread ends the thread and all waiting jobs.
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
      // Small buffers share a pool, which cannot be transferred.
      const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
      thread.postMessage({ id, bytes: own, maxTasks, owner } satisfies ParseJob, [own.buffer as ArrayBuffer]);
      return job.promise;
    },
    async close() {
      await thread?.terminate();
    },
  };
}

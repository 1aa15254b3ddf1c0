import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type EngineProcess, startWatchdog } from "../../drawing/index.ts";
import type { ImageInferenceTask } from "../../protocol/index.ts";
import type { Log } from "../log.ts";
import type { Claim, TaskQueue } from "../tasks/index.ts";
import type { Tracer } from "../tracing/index.ts";
import { type AttemptSpans, beginAttempt } from "./attempt-spans.ts";
import { type DrawMeans, drawTask } from "./draw-task.ts";
import { EngineStalled, failureOf } from "./failure.ts";
import type { WorkerMetrics } from "./metrics.ts";
import { isSideTask, type SideMeans, sideTask } from "./side-tasks.ts";
import type { ClaimOf } from "./store-result.ts";
import { takeClaims } from "./take-claims.ts";
import { untilAvailable } from "./until-available.ts";

export interface WorkerOptions
  extends Omit<DrawMeans & SideMeans, "patiently" | "engine" | "log" | "metrics" | "spans"> {
  readonly queue: TaskQueue;
  readonly engine: EngineProcess;
  readonly metrics?: WorkerMetrics;
  /** Absent: traces are not collected. */
  readonly tracer?: Tracer | undefined;
  readonly log: Log;
  /** Milliseconds without a step before the engine counts as hung. */
  readonly stepTimeoutMs: number;
  /**
   * Milliseconds without a task before the engine process ends, which frees the memory of the model. Default: never
   * (0).
   */
  readonly modelIdleMs?: number;
}

/** Runs tasks one after the other until it is stopped. */
export interface Worker {
  /** The problem that currently prevents storing images, if any. */
  readonly trouble: Error | undefined;
  /** Resolves after the first attempt to open the engine's device. `engine.device` has the outcome. */
  readonly tried: Promise<void>;
  /**
   * Loads a model before its first task, unless a task runs or another model is being loaded.
   * @returns false if it does not load it
   */
  prepare(folder: string): boolean;
  /** Takes no new task, gives the running one this time to finish, then returns it to the queue and ends the engine. */
  stop(graceMs: number): Promise<void>;
}

/** The server stops: the current task returns to the queue. */
class Stopping extends Error {
  override readonly name = "Stopping";
}

/** Outcomes that are errors in a trace. */
const BAD_ENDS = new Set(["failed", "engineDied", "engineTimeout"]);

const SILENT: WorkerMetrics = { started() {}, step() {}, stage() {}, ended() {}, faces() {}, checked() {} };

/** Starts a worker on a queue, with a separate engine. */
export function startWorker(options: WorkerOptions): Worker {
  const { queue, engine, log, stepTimeoutMs, modelIdleMs = 0, metrics = SILENT } = options;
  const closing = new AbortController(); // no new tasks
  const ending = new AbortController(); // nor the current one
  let trouble: Error | undefined;
  let busy = false;

  async function attempt(claim: Claim, spans: AttemptSpans): Promise<string> {
    const stalled = new AbortController();
    const signal = AbortSignal.any([claim.signal, ending.signal, stalled.signal]);
    const seconds = stepTimeoutMs / 1000;
    const watchdog = startWatchdog(stepTimeoutMs, () => stalled.abort(new EngineStalled(seconds)));
    const patiently = async <T>(work: () => Promise<T>): Promise<T> => {
      const onWait = (error: unknown) => {
        watchdog.feed(); // The delay is not the fault of the engine.
        trouble = error as Error;
        log.warn({ taskUUID: claim.taskUUID, error }, "waiting to store a result");
      };
      try {
        return await untilAvailable(work, { onWait, signal });
      } finally {
        trouble = undefined; // also after a cancellation: the next result shows whether the problem persists
      }
    };
    let last = performance.now();
    const onStep = () => {
      watchdog.feed();
      spans.metrics.step((performance.now() - last) / 1000);
      last = performance.now();
    };
    try {
      const means = { ...options, metrics: spans.metrics, spans, patiently };
      if (isSideTask(claim)) await sideTask(claim, means, signal, onStep);
      else await drawTask(claim as ClaimOf<ImageInferenceTask>, means, signal, onStep);
      return "succeeded";
    } catch (error) {
      if (claim.signal.aborted) return "cancelled";
      // A stall is the cause of any other error.
      const cause = stalled.signal.aborted
        ? stalled.signal.reason
        : ending.signal.aborted
          ? ending.signal.reason
          : error;
      return await end(claim, cause);
    } finally {
      watchdog.stop();
    }
  }

  /** Ends a failed attempt. */
  async function end(claim: Claim, cause: unknown): Promise<string> {
    const record = <T>(work: () => Promise<T>) =>
      untilAvailable(work, {
        onWait: () => {},
        signal: AbortSignal.any([claim.signal, AbortSignal.timeout(60_000)]),
      });
    if (cause instanceof Stopping) {
      await record(() => claim.handBack());
      return "handedBack";
    }
    const failure = failureOf(cause, claim.task);
    const outcome = await record(() => claim.fail({ ...failure, error: failure.error.body }));
    log.warn({ taskUUID: claim.taskUUID, attempt: claim.attempt, outcome, error: cause }, "an attempt failed");
    if (failure.death) return "engineDied";
    return failure.error.code === "engineTimeout" ? "engineTimeout" : "failed";
  }

  async function run(claim: Claim): Promise<void> {
    const facts = { taskUUID: claim.taskUUID, attempt: claim.attempt };
    const before = performance.now();
    log.info({ ...facts, waitedSeconds: claim.waitedSeconds }, "task started");
    metrics.started(claim.waitedSeconds);
    const spans = beginAttempt(options.tracer, claim, metrics);
    try {
      const outcome = await attempt(claim, spans);
      const seconds = (performance.now() - before) / 1000;
      metrics.ended(outcome, seconds);
      log.info({ ...facts, outcome, seconds }, "task ended");
      spans.end(outcome, BAD_ENDS.has(outcome) ? outcome : undefined);
    } catch (error) {
      spans.end("unrecorded", error);
      throw error;
    } finally {
      claim.release();
    }
  }

  const { untilReady, tried } = readiness(engine, log, closing.signal);
  let idle: NodeJS.Timeout | undefined;
  const unload = () => {
    log.info({}, "unloading the model after a time without tasks");
    queue.unloaded();
    void engine.stop();
  };
  const rest = () => {
    busy = false;
    if (modelIdleMs > 0) idle = setTimeout(unload, modelIdleMs).unref();
  };

  const working = takeClaims(queue, {
    ready: untilReady,
    async take(claim) {
      clearTimeout(idle);
      busy = true;
      await run(claim).finally(rest);
      await nextTurn(); // The client gets its reply before the embedded database blocks this thread again.
    },
    onError: (error) => log.error({ error }, "the worker could not continue its task"),
    signal: closing.signal,
  });
  return {
    get trouble() {
      return trouble;
    },
    tried,
    prepare(folder) {
      if (busy || closing.signal.aborted || engine.device.note === undefined) return false;
      if (engine.checkpoint?.state === "loading") return engine.checkpoint.folder === folder;
      if (engine.checkpoint?.folder === folder) return true;
      clearTimeout(idle);
      engine
        .load(folder)
        .catch((error) => log.warn({ error }, "a model could not be loaded before its first task"))
        .finally(() => busy || rest());
      return true;
    },
    async stop(graceMs) {
      closing.abort(new Stopping());
      const grace = setTimeout(() => ending.abort(new Stopping()), graceMs);
      await working;
      clearTimeout(idle);
      clearTimeout(grace);
      await engine.stop();
    },
  };
}

/** Pauses between attempts to open an unusable device, in milliseconds. */
const FIRST_PAUSE = 5_000;
const LONGEST_PAUSE = 60_000;

/**
 * Waits for the device of the engine before a task is claimed. Without a device, every task would lose its attempts.
 */
function readiness(engine: EngineProcess, log: Log, signal: AbortSignal) {
  const first = Promise.withResolvers<void>();
  async function untilReady(): Promise<void> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        return await engine.ready();
      } catch (error) {
        const { name } = engine.device;
        log.error({ device: name, error, retrySeconds: pause / 1000 }, "the device cannot be used; trying again");
      } finally {
        first.resolve();
      }
      await sleep(pause, undefined, { signal });
    }
  }
  return { untilReady, tried: first.promise };
}

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
  /** Absent: nobody collects traces. */
  readonly tracer?: Tracer | undefined;
  readonly log: Log;
  /** Milliseconds without a step after which the engine counts as hung. */
  readonly stepTimeoutMs: number;
  /** Milliseconds without a task after which the engine's process ends, and with it the model in memory. Default: never (0). */
  readonly modelIdleMs?: number;
}

/** Runs tasks one after the other until it is stopped. */
export interface Worker {
  /** What keeps the worker from storing pictures at the moment, if anything. */
  readonly trouble: Error | undefined;
  /** Resolves once the engine's device was tried for the first time, however that ended: `engine.device` says it. */
  readonly tried: Promise<void>;
  /** Takes no new task, lets the running one finish for so long, then hands it back unharmed, and ends the engine. */
  stop(graceMs: number): Promise<void>;
}

/** The server is ending: the task in hand goes back to the queue. */
class Stopping extends Error {
  override readonly name = "Stopping";
}

/** Outcomes that count as errors in a trace. */
const BAD_ENDS = new Set(["failed", "engineDied", "engineTimeout"]);

const SILENT: WorkerMetrics = { started() {}, step() {}, stage() {}, ended() {}, faces() {}, checked() {} };

/** Starts a worker on a queue, with an engine of its own. */
export function startWorker(options: WorkerOptions): Worker {
  const { queue, engine, log, stepTimeoutMs, modelIdleMs = 0, metrics = SILENT } = options;
  const closing = new AbortController(); // no new tasks
  const ending = new AbortController(); // nor the one in hand
  let trouble: Error | undefined;

  async function attempt(claim: Claim, spans: AttemptSpans): Promise<string> {
    const stalled = new AbortController();
    const signal = AbortSignal.any([claim.signal, ending.signal, stalled.signal]);
    const seconds = stepTimeoutMs / 1000;
    const watchdog = startWatchdog(stepTimeoutMs, () => stalled.abort(new EngineStalled(seconds)));
    const patiently = async <T>(work: () => Promise<T>): Promise<T> => {
      const onWait = (error: unknown) => {
        watchdog.feed(); // the engine is not to blame
        trouble = error as Error;
        log.warn({ taskUUID: claim.taskUUID, error }, "waiting to store a result");
      };
      try {
        return await untilAvailable(work, { onWait, signal });
      } finally {
        trouble = undefined; // also when the task was cancelled meanwhile: the next one will tell
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
      // Whatever else went wrong, this came first.
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

  /** Ends an attempt that did not succeed. */
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
    log.info({}, "the model leaves memory: there was no task for a while");
    queue.unloaded();
    void engine.stop();
  };

  const working = takeClaims(queue, {
    ready: untilReady,
    async take(claim) {
      clearTimeout(idle);
      await run(claim);
      if (modelIdleMs > 0) idle = setTimeout(unload, modelIdleMs).unref();
      await nextTurn(); // who waits for it has its reply before the embedded database takes this thread again
    },
    onError: (error) => log.error({ error }, "the worker could not continue its task"),
    signal: closing.signal,
  });
  return {
    get trouble() {
      return trouble;
    },
    tried,
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

/** Pauses between tries to open a device that cannot be used, in milliseconds. */
const FIRST_PAUSE = 5_000;
const LONGEST_PAUSE = 60_000;

/** Waits for the engine's device before a task is claimed: an engine without one would only cost tasks their attempts. */
function readiness(engine: EngineProcess, log: Log, signal: AbortSignal) {
  const first = Promise.withResolvers<void>();
  async function untilReady(): Promise<void> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        return await engine.ready();
      } catch (error) {
        const { name } = engine.device;
        log.error({ device: name, error, retrySeconds: pause / 1000 }, "the device cannot be used; it is tried again");
      } finally {
        first.resolve();
      }
      await sleep(pause, undefined, { signal });
    }
  }
  return { untilReady, tried: first.promise };
}

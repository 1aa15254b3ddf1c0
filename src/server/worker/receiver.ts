import { type ModelUploadTask, TaskError, type UploadStage } from "../../protocol/index.ts";
import type { Log } from "../log.ts";
import type { Claim, TaskQueue } from "../tasks/index.ts";
import type { Tracer } from "../tracing/index.ts";
import { type AttemptSpan, beginSpan } from "./attempt-spans.ts";
import { type ReceiveMeans, receiveModel } from "./receive-model.ts";
import { takeClaims } from "./take-claims.ts";
import { untilAvailable } from "./until-available.ts";

export interface ReceiverOptions extends ReceiveMeans {
  readonly queue: TaskQueue<"uploads">;
  /** Called after a model has been registered, before the upload succeeds: all servers must know the model then. */
  registered(): Promise<void>;
  /** Absent: traces are not collected. */
  readonly tracer?: Tracer | undefined;
  readonly log: Log;
}

/** Downloads the models of uploads until it is stopped. Runs in parallel to the worker that generates. */
export interface Receiver {
  /** Takes no new upload, gives running ones this time to finish, then returns them to the queue. */
  stop(graceMs: number): Promise<void>;
}

/** Most parallel uploads. They share one network and one disk, so more would not be faster. */
const MOST_AT_ONCE = 4;

/** The span that begins after each stage. That of a checkpoint includes its conversion. */
const SPANS: Readonly<Record<UploadStage, string | undefined>> = {
  validated: "download",
  downloaded: "check",
  optimized: "register",
  stored: undefined,
  ready: undefined,
};

/** Starts downloading models, including uploads that another server began. */
export function startReceiver(options: ReceiverOptions): Receiver {
  const { queue, registered, tracer, log } = options;
  const closing = new AbortController(); // no new uploads
  const ending = new AbortController(); // nor running ones
  const underWay = new Set<Promise<void>>();

  async function attempt(claim: Claim<ModelUploadTask>, span: AttemptSpan): Promise<string> {
    let reached: UploadStage | undefined;
    const traced: Claim<ModelUploadTask> = {
      ...claim,
      report(progress) {
        claim.report(progress);
        if (!("stage" in progress) || progress.stage === reached) return;
        reached = progress.stage;
        span.at(SPANS[reached]);
      },
    };
    const record = <T>(work: () => Promise<T>) =>
      untilAvailable(work, {
        onWait: () => {},
        signal: AbortSignal.any([claim.signal, AbortSignal.timeout(60_000)]),
      });
    try {
      await receiveModel(traced, options, AbortSignal.any([claim.signal, ending.signal]));
      await record(registered);
      await record(() => claim.succeed());
      return "succeeded";
    } catch (error) {
      if (claim.signal.aborted) return "cancelled";
      if (ending.signal.aborted) {
        await record(() => claim.handBack());
        return "handedBack";
      }
      const told = error instanceof TaskError ? error : new TaskError("internalServerError", {}, {}, { cause: error });
      log.warn({ taskUUID: claim.taskUUID, attempt: claim.attempt, error }, "an upload failed");
      return record(() => claim.fail({ error: told.body, death: false, again: false }));
    }
  }

  async function receive(claim: Claim<ModelUploadTask>): Promise<void> {
    const facts = { taskUUID: claim.taskUUID, attempt: claim.attempt, air: claim.task.air };
    log.info(facts, "model upload started");
    const span = beginSpan(tracer, claim);
    try {
      const outcome = await attempt(claim, span);
      span.end(outcome, outcome === "failed" ? outcome : undefined);
      log.info({ ...facts, outcome }, "model upload ended");
    } catch (error) {
      span.end("unrecorded", error);
      // If the end could not be recorded, the lease expires and the upload starts again.
      log.error({ ...facts, error }, "the end of an upload could not be recorded");
    } finally {
      claim.release();
    }
  }

  const working = takeClaims(queue, {
    async take(claim) {
      const received = receive(claim).finally(() => underWay.delete(received));
      underWay.add(received);
      while (underWay.size >= MOST_AT_ONCE) await Promise.race(underWay);
    },
    onError: (error) => log.error({ error }, "cannot claim uploads; trying again"),
    signal: closing.signal,
  });
  return {
    async stop(graceMs) {
      closing.abort();
      const grace = setTimeout(() => ending.abort(), graceMs);
      await working;
      await Promise.all(underWay);
      clearTimeout(grace);
    },
  };
}

import { setTimeout as sleep } from "node:timers/promises";
import { type PictureTask, type QueuedTask, TaskError } from "../../protocol/index.ts";
import type { Database } from "../database/index.ts";
import { type ClaimedTask, claimTask, handBackTask, renewLease, sweepLost } from "./lease.ts";
import { completeResult, type Failure, failTask, markSucceeded, type NewResult, retryTask } from "./outcome.ts";
import { provenance } from "./provenance.ts";
import { PREVIEWS_WANTED_MS, type TaskSignals } from "./signals.ts";
import type { Lane, OwnerId, TaskOf, TaskPreview, TaskProgress } from "./types.ts";

export interface TaskQueueOptions<L extends Lane> {
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly lane: L;
  /** Names the worker in the rows it has claimed. */
  readonly worker: string;
  /** A worker that has not been heard of for so long has lost its task. */
  readonly leaseSeconds?: number;
  /** Attempts that may end badly before the task fails. */
  readonly maxAttempts?: number;
  /** Deaths of the engine before the task is held to be their cause. */
  readonly maxDeaths?: number;
  /** Pause before the next attempt, by the number of failures so far. */
  readonly retryPauseSeconds?: (failures: number) => number;
  /** How often a lease is renewed. Default: thrice before it ends, and every 2 s at least. */
  readonly renewMs?: number;
  /** How often to look for work in case a signal was lost, and for lost workers. */
  readonly pollMs?: number;
}

/** A task in hand. Every write says false, and changes nothing, once the task is no longer this worker's. */
export interface Claim<Task extends QueuedTask = PictureTask> extends ClaimedTask<Task> {
  /** Aborted with a TaskError when the task is cancelled, or lost to another worker. */
  readonly signal: AbortSignal;
  report(progress: TaskProgress): void;
  /** Whether somebody wanted to see this owner's pictures forming when the task was claimed. */
  readonly previewsWanted: boolean;
  /** Shows what a picture looks like so far. */
  show(preview: TaskPreview): void;
  result(result: NewResult, last: boolean): Promise<boolean>;
  succeed(): Promise<boolean>;
  /** Ends the attempt badly: the task is tried again while attempts are left and `again` allows it, else it fails. */
  fail(failure: Failure & { readonly again: boolean }): Promise<"retry" | "failed" | "lost">;
  /** Gives the task back unharmed, for another worker or another start of this one. */
  handBack(): Promise<boolean>;
  /** Stops renewing the lease. Must be called when done with the task, however it ended. */
  release(): void;
}

/** The worker's side of a lane of the queue. */
export interface TaskQueue<L extends Lane = "pictures"> {
  claim(): Promise<Claim<TaskOf[L]> | undefined>;
  /** Resolves when there may be work: at a signal, else after the polling time. Rejects when aborted. */
  waitForWork(signal: AbortSignal): Promise<void>;
  /** Takes tasks back from dead workers; with `all`, from every worker: for the start of the only process. */
  sweep(all?: boolean): Promise<number>;
  close(): void;
}

const LOST = {
  pictures: new TaskError("inferenceError", { reason: "The worker that ran it was lost too often." }).body,
  uploads: new TaskError(
    "downloadFailed",
    { parameter: "downloadURL", reason: "The server that fetched it was lost too often." },
    { parameter: "downloadURL" },
  ).body,
} as const;

/** Opens the worker's side of a lane. Each loop that claims needs one of its own: a signal wakes but one. */
export function createTaskQueue<L extends Lane>(options: TaskQueueOptions<L>): TaskQueue<L> {
  const { db, signals, lane, worker, leaseSeconds = 30, maxAttempts = 3, maxDeaths = 2, pollMs = 1_000 } = options;
  const { renewMs = Math.min(leaseSeconds * 333, 2_000) } = options;
  const { retryPauseSeconds = (failures) => 2 ** failures - 1 } = options;
  let work = Promise.withResolvers<void>();
  /** Until when each owner wants previews. */
  const wanted = new Map<OwnerId, number>();
  const unlisten = signals.listen((signal) => {
    if (signal.type === "previewsWanted") wanted.set(signal.owner, Date.now() + PREVIEWS_WANTED_MS);
    if (signal.type === "gap" || (signal.type === "queued" && signal.lane === lane)) work.resolve();
  });

  function hold(task: ClaimedTask<TaskOf[L]>): Claim<TaskOf[L]> {
    const abort = new AbortController();
    let progress: TaskProgress | undefined;
    const lose = () => abort.abort(new TaskError("taskCancelled"));
    const stopListening = signals.listen((signal) => {
      if (signal.type === "cancelled" && signal.id === task.id) lose();
    });
    // A failing database is no reason to stop: whoever takes the task over is fenced off from us by the attempt.
    const renew = () =>
      renewLease(db, task, leaseSeconds, progress).then(
        (mine) => mine || lose(),
        () => {},
      );
    const timer = setInterval(renew, renewMs);
    const changed = (written: boolean, ended = false) => {
      if (written) signals.publish({ type: "changed", id: task.id, ...(ended && { ended }) });
      return written;
    };
    const owing = (written: boolean) => {
      const { webhookURL, uploadEndpoint } = task.task as Partial<PictureTask>;
      if (written && (webhookURL ?? uploadEndpoint) !== undefined) signals.publish({ type: "owed" });
      return written;
    };
    return {
      ...task,
      signal: abort.signal,
      report(latest) {
        progress = latest;
        signals.publish({ type: "progress", id: task.id, progress: latest });
      },
      previewsWanted: (wanted.get(task.owner) ?? 0) > Date.now(),
      show: (preview) => signals.publish({ type: "preview", id: task.id, preview }),
      async result(result, last) {
        const whole = { ...result, ...provenance(task.task as PictureTask, result.seed) };
        return owing(changed(await completeResult(db, task, whole, last), last));
      },
      succeed: async () => changed(await markSucceeded(db, task), true),
      async fail(failure) {
        const failures = task.failures + 1;
        const poisonous = failure.death && task.deaths + 1 >= maxDeaths;
        if (!failure.again || failures >= maxAttempts || poisonous) {
          return owing(changed(await failTask(db, task, failure), true)) ? "failed" : "lost";
        }
        const pause = retryPauseSeconds(failures);
        if (!changed(await retryTask(db, task, failure, pause))) return "lost";
        setTimeout(() => signals.publish({ type: "queued", lane }), pause * 1_000 + 5).unref();
        return "retry";
      },
      async handBack() {
        const written = changed(await handBackTask(db, task));
        if (written) signals.publish({ type: "queued", lane });
        return written;
      },
      release() {
        clearInterval(timer);
        stopListening();
      },
    };
  }

  return {
    async claim() {
      work = Promise.withResolvers(); // a signal from here on is news
      const task = await claimTask(db, lane, worker, leaseSeconds);
      if (!task) return undefined;
      work.resolve(); // there may be more
      const claim = hold(task);
      signals.publish({ type: "started", id: task.id, attempt: task.attempt });
      return claim;
    },
    async waitForWork(signal) {
      signal.throwIfAborted();
      const over = new AbortController();
      const polled = sleep(pollMs, undefined, { signal: AbortSignal.any([signal, over.signal]) });
      try {
        await Promise.race([work.promise, polled]);
      } finally {
        over.abort();
        polled.catch(() => {});
      }
    },
    async sweep(all = false) {
      const swept = await sweepLost(db, lane, maxAttempts, LOST[lane], all);
      for (const { id, requeued } of swept) signals.publish({ type: "changed", id, ...(!requeued && { ended: true }) });
      if (swept.some((task) => !task.requeued)) signals.publish({ type: "owed" });
      if (swept.some((task) => task.requeued)) signals.publish({ type: "queued", lane });
      return swept.length;
    },
    close() {
      unlisten();
    },
  };
}

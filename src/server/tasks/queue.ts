import { setTimeout as sleep } from "node:timers/promises";
import { type PictureTask, type QueuedTask, TaskError } from "../../protocol/index.ts";
import type { Database } from "../database/index.ts";
import { type ClaimedTask, claimTask, handBackTask, type Listeners, renewLease, sweepLost } from "./lease.ts";
import { completeResult, type Failure, failTask, markSucceeded, type NewResult, retryTask } from "./outcome.ts";
import type { Presence } from "./presence.ts";
import { provenance } from "./provenance.ts";
import type { TaskSignal, TaskSignals } from "./signals.ts";
import { needsOf } from "./stored-task.ts";
import type { Lane, TaskOf, TaskPreview, TaskProgress } from "./types.ts";

export interface TaskQueueOptions<L extends Lane> {
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly presence: Presence;
  readonly lane: L;
  /** Its number among the queues of this lane in this process. Default: 0. */
  readonly seat?: number;
  /** A worker that is silent for this long loses its task. */
  readonly leaseSeconds?: number;
  /** Failed attempts before the task fails. */
  readonly maxAttempts?: number;
  /** Deaths of the engine before the task counts as their cause. */
  readonly maxDeaths?: number;
  /** Pause before the next attempt, by the number of failures. */
  readonly retryPauseSeconds?: (failures: number) => number;
  /** Interval of lease renewals. Default: a third of the lease, at most 2 s. */
  readonly renewMs?: number;
  /**
   * Interval of checks for work, in case a signal was lost. Default: a second. On PostgreSQL, the heartbeat of the
   * process does this.
   */
  readonly pollMs?: number;
}

/** Most tasks in a row that are claimed out of turn because their model is in memory. */
const MOST_PREFERRED = 8;

/** A claimed task. Once the worker has lost the task, every write returns false and changes nothing. */
export interface Claim<Task extends QueuedTask = PictureTask> extends Omit<ClaimedTask<Task>, "listeners"> {
  /** Aborted with a TaskError if the task is cancelled, or claimed by another worker. */
  readonly signal: AbortSignal;
  report(progress: TaskProgress): void;
  /** Shows a preview of an image. */
  show(preview: TaskPreview): void;
  result(result: NewResult, last: boolean): Promise<boolean>;
  succeed(): Promise<boolean>;
  /** Ends a failed attempt. The task is tried again if attempts are left and `again` is true; otherwise it fails. */
  fail(failure: Failure & { readonly again: boolean }): Promise<"retry" | "failed" | "lost">;
  /** Returns the task to the queue without counting an attempt. */
  handBack(): Promise<boolean>;
  /** Stops renewing the lease. Call it at the end of the work, whatever the outcome. */
  release(): void;
}

/** A lane of the queue, from the side of a worker. */
export interface TaskQueue<L extends Lane = "pictures"> {
  /** Claims the next task; undefined if none waits. */
  claim(): Promise<Claim<TaskOf[L]> | undefined>;
  /** Claims the next task as soon as there is one. Rejects when aborted. */
  next(signal: AbortSignal): Promise<Claim<TaskOf[L]>>;
  /** Recovers tasks from dead workers; with `all`, from every worker, for the start of the only process. */
  sweep(all?: boolean): Promise<number>;
  /** Records that the model has left memory, so that its tasks are no longer preferred. */
  unloaded(): void;
  close(): void;
}

const LOST = {
  pictures: new TaskError("inferenceError", { reason: "Its worker was lost too often." }).body,
  uploads: new TaskError(
    "downloadFailed",
    { parameter: "downloadURL", reason: "The server that downloaded it was lost too often." },
    { parameter: "downloadURL" },
  ).body,
} as const;

/** Opens a lane for a worker. Each loop that claims needs its own queue, because a signal wakes only one. */
export function createTaskQueue<L extends Lane>(options: TaskQueueOptions<L>): TaskQueue<L> {
  const { db, signals, presence, lane, seat = 0, leaseSeconds = 10, maxAttempts = 3, maxDeaths = 2 } = options;
  const { renewMs = Math.min(leaseSeconds * 333, 2_000) } = options;
  const { pollMs = db.kind === "pglite" ? 1_000 : undefined } = options;
  const { retryPauseSeconds = (failures) => 2 ** failures - 1 } = options;
  let work = Promise.withResolvers<void>();
  /** True if the end of the last task found no waiting task, so that another search is pointless. */
  let nothingWaits = false;
  let loaded: string | undefined;
  let preferred = 0;
  const unlisten = signals.listen((signal) => {
    const isForIt = signal.type === "queued" && signal.lane === lane && (signal.seat ?? seat) === seat;
    if (signal.type === "gap" || isForIt) {
      nothingWaits = false;
      work.resolve();
    }
  });

  function hold(task: ClaimedTask<TaskOf[L]>): Claim<TaskOf[L]> {
    const abort = new AbortController();
    const needs = needsOf(task.task);
    const waiters = new Set(task.listeners.waiters);
    const watchers = new Set(task.listeners.watchers);
    let progress: TaskProgress | undefined;
    const lose = () => abort.abort(new TaskError("taskCancelled"));
    const stopListening = signals.listen((signal) => {
      if (signal.type === "cancelled" && signal.id === task.id) lose();
      if (signal.type === "listened" && signal.id === task.id) (signal.all ? watchers : waiters).add(signal.by);
    });
    const hearAll = (listeners: Listeners) => {
      for (const name of listeners.waiters) waiters.add(name);
      for (const name of listeners.watchers) watchers.add(name);
    };
    // A failing database is not a reason to stop: the attempt number fences off any other worker that claims the task.
    const renew = () =>
      renewLease(db, task, leaseSeconds, progress).then(
        (listeners) => (listeners ? hearAll(listeners) : lose()),
        () => {},
      );
    const timer = setInterval(renew, renewMs);
    const show = (signal: TaskSignal) => signals.publish(signal, [...watchers]);
    const changed = (written: boolean, ended = false) => {
      const to = ended ? [...new Set([...waiters, ...watchers])] : [...watchers];
      if (written) signals.publish({ type: "changed", id: task.id, ...(ended && { ended }) }, to);
      return written;
    };
    const owing = (written: boolean) => {
      const { webhookURL, uploadEndpoint } = task.task as Partial<PictureTask>;
      // The server that accepted the task delivers. If it is gone, others find the due delivery.
      if (written && (webhookURL ?? uploadEndpoint) !== undefined) {
        signals.publish({ type: "owed" }, task.listeners.waiters.slice(0, 1));
      }
      return written;
    };
    const { listeners: _, ...claimed } = task;
    show({ type: "started", id: task.id, attempt: task.attempt });
    return {
      ...claimed,
      signal: abort.signal,
      report(latest) {
        progress = latest;
        show({ type: "progress", id: task.id, progress: latest });
      },
      show: (preview) => show({ type: "preview", id: task.id, preview }),
      async result(result, last) {
        await presence.reported; // The model in memory can be read elsewhere before the result.
        const whole = { ...result, parameters: provenance(task.task as PictureTask, result.seed) };
        const { written, more } = await completeResult(db, task, whole, last);
        nothingWaits = last && written && !more;
        return owing(changed(written, last));
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
        setTimeout(() => presence.wake(lane, needs), pause * 1_000 + 5).unref();
        return "retry";
      },
      async handBack() {
        const written = changed(await handBackTask(db, task));
        if (written) presence.wake(lane, needs);
        return written;
      },
      release() {
        clearInterval(timer);
        stopListening();
      },
    };
  }

  async function claim(): Promise<Claim<TaskOf[L]> | undefined> {
    work = Promise.withResolvers(); // a signal from here on is new
    const prefers = preferred < MOST_PREFERRED ? loaded : undefined;
    const claimer = { worker: signals.processName, leaseSeconds, offers: presence.offered, prefers };
    const task = await claimTask(db, lane, claimer);
    if (!task) return undefined;
    presence.work({ lane, seat });
    const [model] = needsOf(task.task);
    preferred = prefers !== undefined && model === prefers ? preferred + 1 : 0;
    loaded = model ?? loaded;
    return hold(task);
  }

  /** Resolves when there may be work: on a signal, or after the polling interval. Rejects when aborted. */
  async function waitForWork(signal: AbortSignal): Promise<void> {
    if (await presence.rest({ lane, seat }, loaded)) return;
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const polled = pollMs === undefined ? aborted(ended) : sleep(pollMs, undefined, { signal: ended });
    try {
      await Promise.race([work.promise, polled]);
    } finally {
      over.abort();
      polled.catch(() => {});
    }
  }

  return {
    claim,
    async next(signal) {
      for (;;) {
        signal.throwIfAborted();
        const isIdle = nothingWaits;
        nothingWaits = false;
        const next = isIdle ? undefined : await claim();
        if (next) return next;
        await waitForWork(signal);
      }
    },
    async sweep(all = false) {
      const swept = await sweepLost(db, lane, maxAttempts, LOST[lane], all);
      for (const { id, requeued, waiters, watchers, needs } of swept) {
        const to = [...new Set([...waiters, ...watchers])];
        signals.publish({ type: "changed", id, ...(!requeued && { ended: true }) }, to);
        if (requeued) presence.wake(lane, needs);
      }
      if (swept.some((task) => !task.requeued)) signals.publish({ type: "owed" });
      return swept.length;
    },
    unloaded() {
      loaded = undefined;
    },
    close() {
      unlisten();
    },
  };
}

/** Rejects with the signal's reason when it is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

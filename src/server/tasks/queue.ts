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
  /** How often to look for work in case a signal was lost. Default: every second; on PostgreSQL the beats of the process do. */
  readonly pollMs?: number;
}

/** Tasks for the model in memory are taken out of turn so often in a row at most. */
const MOST_PREFERRED = 8;

/** A task in hand. Every write says false, and changes nothing, once the task is no longer this worker's. */
export interface Claim<Task extends QueuedTask = PictureTask> extends Omit<ClaimedTask<Task>, "listeners"> {
  /** Aborted with a TaskError when the task is cancelled, or lost to another worker. */
  readonly signal: AbortSignal;
  report(progress: TaskProgress): void;
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
  /** The next task, or undefined when none waits. */
  claim(): Promise<Claim<TaskOf[L]> | undefined>;
  /** The next task, as soon as there is one. Rejects when aborted. */
  next(signal: AbortSignal): Promise<Claim<TaskOf[L]>>;
  /** Takes tasks back from dead workers; with `all`, from every worker: for the start of the only process. */
  sweep(all?: boolean): Promise<number>;
  /** The model is not in memory any more: no task is preferred for it. */
  unloaded(): void;
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
  const { db, signals, presence, lane, seat = 0, leaseSeconds = 10, maxAttempts = 3, maxDeaths = 2 } = options;
  const { renewMs = Math.min(leaseSeconds * 333, 2_000) } = options;
  const { pollMs = db.kind === "pglite" ? 1_000 : undefined } = options;
  const { retryPauseSeconds = (failures) => 2 ** failures - 1 } = options;
  let work = Promise.withResolvers<void>();
  /** The end of the last task found nothing that waits: looking would be in vain. */
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
    // A failing database is no reason to stop: whoever takes the task over is fenced off from us by the attempt.
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
      // The server that took it in delivers; when it is gone, the others find what is due.
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
    work = Promise.withResolvers(); // a signal from here on is news
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

  /** Resolves when there may be work: at a signal, else after the polling time. Rejects when aborted. */
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

/** Rejects with the signal's reason once it is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

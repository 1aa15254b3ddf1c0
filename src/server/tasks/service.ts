import { randomUUID } from "node:crypto";
import { isPictureTask, type QueuedTask, randomSeed, resultsOf } from "../../protocol/index.ts";
import type { Database } from "../database/index.ts";
import { type Cancelled, cancelQueued, cancelTask, cancelUnasked, noteAsked } from "./cancel.ts";
import { forgetUnfinished } from "./expire.ts";
import { countTasks, findDeliveries, findRequest, findTask, findTasks, type StoredTask } from "./find.ts";
import { followOwner } from "./follow.ts";
import { gather } from "./gather.ts";
import { paceOf } from "./pace.ts";
import type { Presence } from "./presence.ts";
import type { TaskSignals } from "./signals.ts";
import { canonicalTask, hashBody, needsOf } from "./stored-task.ts";
import { insertTasks, MOST_AT_ONCE, type NewTask } from "./submit.ts";
import {
  isFinal,
  type OwnerId,
  type Submission,
  type SubmitOutcome,
  type TaskProgress,
  type TaskRecord,
  type TaskService,
} from "./types.ts";
import { createWatchers } from "./watchers.ts";

export interface TaskServiceOptions {
  readonly db: Database;
  readonly signals: TaskSignals;
  readonly presence: Presence;
  /** Waiting tasks before new ones are refused. */
  readonly maxQueued: number;
  /** The share of them that one owner may fill. Default: all. */
  readonly queueShare?: number;
  /** Seconds before an async task without polls and without pending deliveries is cancelled. Default: never (0). */
  readonly abandonAsyncSeconds?: number;
  /** Seconds that a refused client should wait. */
  readonly retryAfterSeconds?: number;
  /** In [0, 1): gives the seeds of tasks without one. */
  readonly random?: () => number;
  readonly pollMs?: number;
}

export interface OpenTaskService extends TaskService {
  /**
   * Cancels async tasks that have not been polled for the configured time. Does nothing if no time is set. Call it
   * regularly.
   */
  abandonUnasked(): Promise<void>;
  close(): void;
}

/** The life of tasks, from the side of HTTP. `close` stops its timers; the tasks stay. */
export function createTaskService(options: TaskServiceOptions): OpenTaskService {
  const {
    db,
    signals,
    presence,
    maxQueued,
    queueShare = 1,
    abandonAsyncSeconds = 0,
    retryAfterSeconds = 10,
    random = Math.random,
    pollMs = 2_000,
  } = options;
  const watchers = createWatchers({ db, signals, pollMs });
  /** Accepted tasks, as the insertion left them. A request that waits for one need not read it. */
  const stored = new WeakMap<TaskRecord, StoredTask>();
  const progress = followProgress(signals);
  const ownersShare = Math.max(1, Math.floor(maxQueued * queueShare));
  const insert = gather({
    run: (tasks: readonly NewTask[]) => insertTasks(db, tasks, maxQueued, signals.processName),
    nameOf: ({ owner, taskUUID }) => `${owner} ${taskUUID}`,
    most: MOST_AT_ONCE,
  });

  const fresh = ({ id, record }: StoredTask): TaskRecord => {
    const latest = record.state === "running" ? progress.of(id) : undefined;
    return latest ? { ...record, progress: latest } : record;
  };

  /** Finds a task in any letter case of its UUID. The record uses the letter case of the caller. */
  const find = async (owner: OwnerId, taskUUID: string): Promise<StoredTask | undefined> => {
    const found = await findTask(db, owner, keyOf(taskUUID));
    return found && { ...found, record: { ...found.record, taskUUID } };
  };

  async function submit(owner: OwnerId, submission: Submission): Promise<SubmitOutcome> {
    const { task: sent, request, mostWaiting, trace } = submission;
    const task = withPlainAddresses(sent);
    const taskUUID = keyOf(task.taskUUID);
    const bodyHash = hashBody(canonicalTask({ ...task, taskUUID }));
    const seed = seedOf(task) ?? randomSeed(random);
    const lane = isPictureTask(task) ? "pictures" : "uploads";
    const mostOfOwner = Math.min(mostWaiting ?? ownersShare, maxQueued);
    const { inserted, waiting, waitingOfOwner } = await insert({
      owner,
      lane,
      taskUUID,
      bodyHash,
      task: canonicalTask(task),
      request,
      seed,
      salt: randomUUID(),
      weight: isPictureTask(task) ? resultsOf(task) : 1,
      needs: needsOf(task),
      mostOfOwner,
      trace,
    });
    if (inserted) {
      const { id, createdAt, watchers } = inserted;
      const state = "queued";
      const record = {
        owner,
        taskUUID: task.taskUUID,
        state,
        task,
        seed,
        results: [],
        attempt: 0,
        createdAt,
      } as const;
      stored.set(record, {
        id,
        bodyHash,
        abandoned: false,
        listeners: { waiters: [signals.processName], watchers },
        record,
      });
      presence.wake(lane, needsOf(task));
      signals.publish({ type: "submitted", owner }, watchers);
      return { kind: "accepted", record };
    }
    const known = await find(owner, task.taskUUID);
    if (!known) {
      if (waiting >= maxQueued) return { kind: "queueFull", waiting, retryAfterSeconds };
      if (waitingOfOwner >= mostOfOwner) return { kind: "queueFull", waiting: waitingOfOwner, retryAfterSeconds };
      return submit(owner, submission); // the conflicting task has just been deleted
    }
    // An abandoned or failed task starts again, because clients repeat a task under its taskUUID.
    const again = known.abandoned ? known.bodyHash === bodyHash : known.record.state === "failed";
    if (again && (await forgetUnfinished(db, known.id))) return submit(owner, submission);
    if (known.bodyHash !== bodyHash) return { kind: "conflict" };
    const latest = again ? ((await find(owner, task.taskUUID)) ?? known) : known;
    return { kind: "known", record: fresh(latest) };
  }

  async function end(owner: OwnerId, taskUUID: string, abandoned: boolean): Promise<void> {
    const cancelled = await cancelTask(db, owner, keyOf(taskUUID), abandoned);
    if (cancelled !== undefined) tellCancelled(cancelled);
  }

  function tellCancelled({ id, worker, waiters, watchers }: Cancelled): void {
    signals.publish({ type: "cancelled", id }, worker === null ? [] : [worker]);
    signals.publish({ type: "changed", id, ended: true }, [...new Set([...waiters, ...watchers])]);
  }

  const service: TaskService = {
    submit,
    async get(owner, taskUUID) {
      const found = await find(owner, taskUUID);
      if (found && abandonAsyncSeconds > 0 && !isFinal(found.record.state)) await noteAsked(db, [found.id]);
      return found && fresh(found);
    },
    waitForFinal(owner, task, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<TaskRecord | undefined>();
      if (signal?.aborted) reject(signal.reason);
      const abort = () => reject(signal?.reason);
      signal?.addEventListener("abort", abort, { once: true });
      const taskUUID = typeof task === "string" ? task : task.taskUUID;
      const watching = watchers.watch(
        () => find(owner, taskUUID),
        (event) => {
          if (event.type === "final") resolve(event.record);
        },
        "end",
        typeof task === "string" ? undefined : stored.get(task),
      );
      watching.then((found) => (found ? undefined : resolve(undefined)), reject);
      return promise.finally(async () => {
        signal?.removeEventListener("abort", abort);
        (await watching.catch(() => undefined))?.stop();
      });
    },
    async cancel(owner, taskUUID) {
      await end(owner, taskUUID, false);
      return service.get(owner, taskUUID);
    },
    abandon: (owner, taskUUID) => end(owner, taskUUID, true),
    async subscribe(owner, taskUUID, listener) {
      const read = async () => {
        const found = await find(owner, taskUUID);
        return found && { ...found, record: fresh(found) };
      };
      return (await watchers.watch(read, listener, "steps"))?.stop;
    },
    async list(owner, { states, limit, cursor }) {
      if (cursor !== undefined && !/^\d{1,18}$/.test(cursor)) throw new RangeError("not a cursor of this list");
      const found = await findTasks(db, owner, states, limit + 1, cursor);
      const page = found.slice(0, limit);
      const next = found.length > limit ? page.at(-1)?.id : undefined;
      return { tasks: page.map((task) => ({ record: fresh(task), request: task.request })), next };
    },
    async cancelQueued(owner) {
      const cancelled = await cancelQueued(db, owner);
      for (const task of cancelled) tellCancelled(task);
      return cancelled.length;
    },
    follow: (owner, listener, previews) => followOwner({ db, signals, watchers }, owner, listener, previews),
    request: (owner, taskUUID) => findRequest(db, owner, keyOf(taskUUID)),
    deliveries: (owner, taskUUID) => findDeliveries(db, owner, keyOf(taskUUID)),
    pace: (model) => paceOf(db, model),
    counts: () => countTasks(db),
  };

  return {
    ...service,
    async abandonUnasked() {
      if (abandonAsyncSeconds === 0) return;
      await noteAsked(db, watchers.watched());
      for (const task of await cancelUnasked(db, abandonAsyncSeconds)) tellCancelled(task);
    },
    close() {
      watchers.close();
      progress.close();
    },
  };
}

/** The stored form of a taskUUID. */
const keyOf = (taskUUID: string): string => taskUUID.toLowerCase();

/**
 * The task with normalised delivery addresses: `http:host/x` means `http://host/x`, and each host must have one
 * spelling.
 */
function withPlainAddresses(task: QueuedTask): QueuedTask {
  if (!isPictureTask(task)) return task;
  const plain = (address: string | undefined) => address && (URL.parse(address)?.href ?? address);
  return { ...task, webhookURL: plain(task.webhookURL), uploadEndpoint: plain(task.uploadEndpoint) };
}

const seedOf = (task: QueuedTask): bigint | undefined => (task.taskType === "imageInference" ? task.seed : 0n);

/** The latest progress of each running task of this process. It is ahead of the row. */
function followProgress(signals: TaskSignals) {
  const latest = new Map<string, TaskProgress>();
  const close = signals.listen((signal) => {
    if (signal.type === "progress") latest.set(signal.id, signal.progress);
    if (signal.type === "changed" && signal.ended) latest.delete(signal.id);
  });
  return { of: (id: string) => latest.get(id), close };
}

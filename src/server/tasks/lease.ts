/**
 * Ownership of tasks: claim a task under a lease, renew the lease, return the task, and recover tasks of dead workers.
 */

import type { PictureTask, QueuedTask, TaskErrorBody } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { type Fence, OWE_FAILURE_WEBHOOK } from "./outcome.ts";
import { readTask } from "./stored-task.ts";
import { DUE, takeable } from "./takeable.ts";
import type { Lane, OwnerId, TaskOf, TaskProgress } from "./types.ts";

/** A task that a worker holds. `id` and `attempt` are the fence: writes with an older attempt have no effect. */
export interface ClaimedTask<Task extends QueuedTask = PictureTask> {
  readonly id: string;
  readonly attempt: number;
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly task: Task;
  readonly seed: bigint;
  readonly salt: string;
  /** Seconds since the task was accepted. */
  readonly waitedSeconds: number;
  /** Number of failed attempts before this one. */
  readonly failures: number;
  /** Those of them in which the engine died. */
  readonly deaths: number;
  /** Indices of images that earlier attempts finished. They are not generated again. */
  readonly finished: readonly number[];
  /** Processes that wait for the end of the task, and processes that watch every step. */
  readonly listeners: Listeners;
  /** True if a client of this owner requests previews. */
  readonly previewsWanted: boolean;
  /** The `traceparent` of the request that submitted it, if traces are collected. */
  readonly trace?: string | undefined;
}

export interface Listeners {
  readonly waiters: readonly string[];
  readonly watchers: readonly string[];
}

/** Who claims. */
export interface Claimer {
  /** The process. */
  readonly worker: string;
  readonly leaseSeconds: number;
  /** Names of the installed models and adapters; undefined: everything. */
  readonly offers?: readonly string[] | undefined;
  /** The model whose tasks are preferred, out of turn. */
  readonly prefers?: string | undefined;
}

/** Claims the next task of a lane that the worker can run, preferring tasks for one model; undefined if none waits. */
export async function claimTask<L extends Lane>(
  db: Queryable,
  lane: L,
  { worker, leaseSeconds, offers, prefers }: Claimer,
): Promise<ClaimedTask<TaskOf[L]> | undefined> {
  const next = (condition: string) => `
    select t.id from tasks t where t.state = 'queued' and t.lane = $3 and ${DUE} and ${condition}
    order by t.turn, t.id limit 1 for update skip locked`;
  const rows = await db.query<ClaimRow>(
    `update tasks t
     set state = 'running', attempt = attempt + 1, worker = $1, progress = null,
         lease_until = now() + make_interval(secs => $2), started_at = coalesce(started_at, now())
     where id = ${
       prefers === undefined
         ? `(${next(takeable("$4"))})`
         : `coalesce((${next(`t.needs[1] = $5 and ${takeable("$4")}`)}), (${next(takeable("$4"))}))`
     }
     returning id::text, attempt, owner, task_uuid, task, seed, salt, failures, deaths, waiters, watchers, trace,
               extract(epoch from now() - created_at)::float8 as waited,
               exists (select 1 from followers f where f.owner = t.owner and f.previews_until > now()) as previews,
               (select json_agg(i.index) from images i where i.task_id = t.id) as finished`,
    [worker, leaseSeconds, lane, offers ?? null, ...(prefers === undefined ? [] : [prefers])],
  );
  const row = rows[0];
  return (
    row && {
      id: row.id,
      attempt: row.attempt,
      owner: row.owner,
      taskUUID: row.task_uuid,
      task: readTask(row.task) as TaskOf[L],
      seed: BigInt(row.seed),
      salt: row.salt,
      waitedSeconds: row.waited,
      failures: row.failures,
      deaths: row.deaths,
      finished: row.finished ?? [],
      listeners: { waiters: row.waiters, watchers: row.watchers },
      previewsWanted: row.previews,
      trace: row.trace ?? undefined,
    }
  );
}

interface ClaimRow {
  id: string;
  attempt: number;
  owner: string;
  task_uuid: string;
  task: string;
  seed: string;
  salt: string;
  waited: number;
  failures: number;
  deaths: number;
  finished: number[] | null;
  waiters: string[];
  watchers: string[];
  previews: boolean;
  trace: string | null;
}

/**
 * Extends a worker's lease and records the progress. A live worker that was silent for too long reclaims its task if no
 * other worker has claimed it yet. If another worker has, the lost attempt is not counted. Returns the listeners of the
 * task; undefined if the worker has lost it (cancelled, or claimed by another).
 */
export async function renewLease(
  db: Queryable,
  { id, attempt }: Fence,
  leaseSeconds: number,
  progress: TaskProgress | undefined,
): Promise<Listeners | undefined> {
  const [listeners] = await db.query<Listeners & Record<string, unknown>>(
    `update tasks set lease_until = now() + make_interval(secs => $3), progress = coalesce($4, progress), state = 'running',
                      failures = failures - (state = 'queued')::int, lost_attempt = null
     where id = $1 and attempt = $2 and (state = 'running' or (state = 'queued' and lost_attempt = $2))
     returning waiters, watchers`,
    [id, attempt, leaseSeconds, progress ? JSON.stringify(progress) : null],
  );
  if (listeners !== undefined) return listeners;
  await db.query(
    `update tasks set failures = failures - 1, lost_attempt = null
     where id = $1 and attempt > $2 and lost_attempt = $2 and state in ('queued', 'running')`,
    [id, attempt],
  );
  return undefined;
}

/** Returns the task to the queue without counting an attempt, because the worker stops. */
export async function handBackTask(db: Queryable, { id, attempt }: Fence): Promise<boolean> {
  const rows = await db.query(
    `update tasks set state = 'queued', not_before = '-infinity', lease_until = null, worker = null, progress = null
     where id = $1 and attempt = $2 and state = 'running' returning id`,
    [id, attempt],
  );
  return rows.length > 0;
}

export interface Swept extends Listeners {
  readonly id: string;
  readonly requeued: boolean;
  readonly needs: readonly string[];
}

/**
 * Recovers tasks of a lane from dead workers: tasks with an expired lease, or with `all` every running task. Use `all` when
 * the only process of the database starts. Each loses one attempt. After the last attempt, the task fails.
 */
export async function sweepLost(
  db: Queryable,
  lane: Lane,
  maxAttempts: number,
  error: TaskErrorBody,
  all = false,
): Promise<readonly Swept[]> {
  return db.query<Swept & Record<string, unknown>>(
    `with lost as (
       select id from tasks where state = 'running' and lane = $4 and ($3::boolean or lease_until < now() or lease_until > now() + interval '1 minute') for update skip locked
     ), swept as (
       update tasks t
       set failures = failures + 1, lost_attempt = attempt, lease_until = null, worker = null, progress = null,
           state = case when failures + 1 < $1 then 'queued' else 'failed' end,
           error = case when failures + 1 < $1 then null else $2 end,
           finished_at = case when failures + 1 < $1 then null else now() end
       from lost where t.id = lost.id
       returning t.id, t.owner, t.task_uuid, t.salt, t.task, t.state, t.needs, t.waiters, t.watchers
     ), failed as (
       select * from swept where state = 'failed'
     ), owed as (${OWE_FAILURE_WEBHOOK})
     select id::text, state = 'queued' as requeued, needs, waiters, watchers from swept`,
    [maxAttempts, JSON.stringify(error), all, lane],
  );
}

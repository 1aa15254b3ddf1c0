/** Who holds a task: claiming it under a lease, renewing the lease, giving it back, and taking it back from workers that are gone. */

import type { PictureTask, QueuedTask, TaskErrorBody } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { type Fence, OWE_FAILURE_WEBHOOK } from "./outcome.ts";
import { readTask } from "./stored-task.ts";
import type { Lane, OwnerId, TaskOf, TaskProgress } from "./types.ts";

/** A task in the hands of a worker. `id` and `attempt` together are the fence: with an older attempt nothing can be written. */
export interface ClaimedTask<Task extends QueuedTask = PictureTask> {
  readonly id: string;
  readonly attempt: number;
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly task: Task;
  readonly seed: bigint;
  readonly salt: string;
  /** Since it was accepted. */
  readonly waitedSeconds: number;
  /** Attempts that ended badly before this one. */
  readonly failures: number;
  /** Those of them that ended with the death of the engine. */
  readonly deaths: number;
  /** Pictures that earlier attempts finished, by index: not drawn again. */
  readonly finished: readonly number[];
}

/**
 * Gives the next task of a lane to a worker for `leaseSeconds`, or undefined when none waits. Pauses between attempts take
 * seconds: a task that is put off for longer was so before the clock was set back.
 */
export async function claimTask<L extends Lane>(
  db: Queryable,
  lane: L,
  worker: string,
  leaseSeconds: number,
): Promise<ClaimedTask<TaskOf[L]> | undefined> {
  const rows = await db.query<ClaimRow>(
    `update tasks t
     set state = 'running', attempt = attempt + 1, worker = $1, progress = null,
         lease_until = now() + make_interval(secs => $2), started_at = coalesce(started_at, now())
     where id = (
       select id from tasks where state = 'queued' and lane = $3 and (not_before <= now() or not_before > now() + interval '1 minute')
       order by turn, id limit 1 for update skip locked
     )
     returning id::text, attempt, owner, task_uuid, task, seed, salt, failures, deaths,
               extract(epoch from now() - created_at)::float8 as waited,
               (select json_agg(i.index) from images i where i.task_id = t.id) as finished`,
    [worker, leaseSeconds, lane],
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
}

/**
 * Prolongs a worker's lease and notes the progress. A worker that was silent for too long, but lives, takes its task back when
 * nobody else has claimed it yet; when somebody has, the attempt that it was charged with is given back. False: the task is no
 * longer this worker's (cancelled, or taken over).
 */
export async function renewLease(
  db: Queryable,
  { id, attempt }: Fence,
  leaseSeconds: number,
  progress: TaskProgress | undefined,
): Promise<boolean> {
  const rows = await db.query(
    `update tasks set lease_until = now() + make_interval(secs => $3), progress = coalesce($4, progress), state = 'running',
                      failures = failures - (state = 'queued')::int, lost_attempt = null
     where id = $1 and attempt = $2 and (state = 'running' or (state = 'queued' and lost_attempt = $2)) returning id`,
    [id, attempt, leaseSeconds, progress ? JSON.stringify(progress) : null],
  );
  if (rows.length > 0) return true;
  await db.query(
    `update tasks set failures = failures - 1, lost_attempt = null
     where id = $1 and attempt > $2 and lost_attempt = $2 and state in ('queued', 'running')`,
    [id, attempt],
  );
  return false;
}

/** Puts the task back at no cost: the worker is stopping. */
export async function handBackTask(db: Queryable, { id, attempt }: Fence): Promise<boolean> {
  const rows = await db.query(
    `update tasks set state = 'queued', not_before = '-infinity', lease_until = null, worker = null, progress = null
     where id = $1 and attempt = $2 and state = 'running' returning id`,
    [id, attempt],
  );
  return rows.length > 0;
}

export interface Swept {
  readonly id: string;
  readonly requeued: boolean;
}

/**
 * Takes tasks of a lane back from workers that are gone: those whose lease has run out, or with `all` every running one (at the
 * start of the only process that has the database open). Each loses one attempt; the last one fails.
 */
export async function sweepLost(
  db: Queryable,
  lane: Lane,
  maxAttempts: number,
  error: TaskErrorBody,
  all = false,
): Promise<readonly Swept[]> {
  return db.query<{ id: string; requeued: boolean }>(
    `with lost as (
       select id from tasks where state = 'running' and lane = $4 and ($3::boolean or lease_until < now() or lease_until > now() + interval '1 hour') for update skip locked
     ), swept as (
       update tasks t
       set failures = failures + 1, lost_attempt = attempt, lease_until = null, worker = null, progress = null,
           state = case when failures + 1 < $1 then 'queued' else 'failed' end,
           error = case when failures + 1 < $1 then null else $2 end,
           finished_at = case when failures + 1 < $1 then null else now() end
       from lost where t.id = lost.id
       returning t.id, t.owner, t.task_uuid, t.salt, t.task, t.state
     ), failed as (
       select * from swept where state = 'failed'
     ), owed as (${OWE_FAILURE_WEBHOOK})
     select id::text, state = 'queued' as requeued from swept`,
    [maxAttempts, JSON.stringify(error), all, lane],
  );
}

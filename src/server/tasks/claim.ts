import type { PictureTask, QueuedTask } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { readTask } from "./stored-task.ts";
import type { Lane, OwnerId, TaskOf } from "./types.ts";

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
 * Gives the next task of a lane to a worker for `leaseSeconds`, or undefined when none waits. `<=` because PGlite's clock is
 * coarse: with `<` a fresh row would be invisible for a moment.
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
       select id from tasks where state = 'queued' and lane = $3 and not_before <= now()
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

import type { TaskErrorBody } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { OWE_FAILURE_WEBHOOK } from "./fail.ts";
import type { Lane } from "./types.ts";

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
       select id from tasks where state = 'running' and lane = $4 and ($3::boolean or lease_until < now()) for update skip locked
     ), swept as (
       update tasks t
       set failures = failures + 1, lease_until = null, worker = null, progress = null,
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

import type { Queryable } from "../database/index.ts";
import type { Listeners } from "./lease.ts";
import type { OwnerId } from "./types.ts";

/** A cancelled task: the process whose worker ran it, and its listeners. */
export interface Cancelled extends Listeners {
  readonly id: string;
  readonly worker: string | null;
}

/**
 * Cancels a task that is not final; undefined if there was nothing to cancel. `abandoned` notes that the client did not
 * request it. A later poll clears the note.
 */
export async function cancelTask(
  db: Queryable,
  owner: OwnerId,
  taskUUID: string,
  abandoned: boolean,
): Promise<Cancelled | undefined> {
  const rows = await db.query<Cancelled & Record<string, unknown>>(
    `with found as (
       select id, worker from tasks
       where owner = $1 and task_uuid = $2 and (state in ('queued', 'running') or (abandoned and not $3::boolean)) for update
     )
     update tasks t set state = 'cancelled', abandoned = $3, finished_at = coalesce(finished_at, now()),
                        lease_until = null, worker = null, progress = null
     from found where t.id = found.id
     returning t.id::text, found.worker, t.waiters, t.watchers`,
    [owner, taskUUID, abandoned],
  );
  return rows[0];
}

/** Cancels the owner's waiting tasks. */
export async function cancelQueued(db: Queryable, owner: OwnerId): Promise<readonly Cancelled[]> {
  return db.query<Cancelled & Record<string, unknown>>(
    `update tasks set state = 'cancelled', finished_at = now() where owner = $1 and state = 'queued'
     returning id::text, null as worker, waiters, watchers`,
    [owner],
  );
}

/** Records a poll of tasks, unless one was recorded in the last seconds. */
export async function noteAsked(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db.query(
    `update tasks set asked_at = now()
     where id = any($1::bigint[]) and state in ('queued', 'running') and asked_at < now() - interval '3 seconds'`,
    [ids],
  );
}

/** Cancels async tasks that were not polled for `seconds` and have no pending deliveries. */
export async function cancelUnasked(db: Queryable, seconds: number): Promise<readonly Cancelled[]> {
  return db.query<Cancelled & Record<string, unknown>>(
    `with found as (
       select id, worker from tasks
       where state in ('queued', 'running') and lane = 'pictures' and asked_at < now() - make_interval(secs => $1)
         and task::json->>'deliveryMethod' = 'async'
         and task::json->>'webhookURL' is null and task::json->>'uploadEndpoint' is null
       for update skip locked
     )
     update tasks t set state = 'cancelled', abandoned = true, finished_at = coalesce(finished_at, now()),
                        lease_until = null, worker = null, progress = null
     from found where t.id = found.id
     returning t.id::text, found.worker, t.waiters, t.watchers`,
    [seconds],
  );
}

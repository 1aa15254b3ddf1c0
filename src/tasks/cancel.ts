import type { Queryable } from "../database/index.ts";
import type { OwnerId } from "./types.ts";

/** Cancels a task that is not final yet; returns its number, or undefined when there was nothing to cancel. */
export async function cancelTask(db: Queryable, owner: OwnerId, taskUUID: string): Promise<string | undefined> {
  const rows = await db.query<{ id: string }>(
    `update tasks set state = 'cancelled', finished_at = now(), lease_until = null, worker = null, progress = null
     where owner = $1 and task_uuid = $2 and state in ('queued', 'running') returning id::text`,
    [owner, taskUUID],
  );
  return rows[0]?.id;
}

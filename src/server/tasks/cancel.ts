import type { Queryable } from "../database/index.ts";
import type { OwnerId } from "./types.ts";

/**
 * Cancels a task that is not final yet; returns its number, or undefined when there was nothing to do. `abandoned` notes that
 * nobody asked for it; whoever asks for it later takes that note back.
 */
export async function cancelTask(
  db: Queryable,
  owner: OwnerId,
  taskUUID: string,
  abandoned: boolean,
): Promise<string | undefined> {
  const rows = await db.query<{ id: string }>(
    `update tasks set state = 'cancelled', abandoned = $3, finished_at = coalesce(finished_at, now()),
                      lease_until = null, worker = null, progress = null
     where owner = $1 and task_uuid = $2 and (state in ('queued', 'running') or (abandoned and not $3::boolean))
     returning id::text`,
    [owner, taskUUID, abandoned],
  );
  return rows[0]?.id;
}

/** Cancels the owner's tasks that wait; returns their numbers. */
export async function cancelQueued(db: Queryable, owner: OwnerId): Promise<readonly string[]> {
  const rows = await db.query<{ id: string }>(
    "update tasks set state = 'cancelled', finished_at = now() where owner = $1 and state = 'queued' returning id::text",
    [owner],
  );
  return rows.map(({ id }) => id);
}

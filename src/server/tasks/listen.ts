/**
 * Listeners of tasks: processes that are notified of the end of a task, or of every step. Other processes receive
 * nothing.
 */

import type { Database, Queryable } from "../database/index.ts";
import type { StoredTask } from "./find.ts";
import type { TaskSignals } from "./signals.ts";
import { isFinal, type OwnerId } from "./types.ts";

/** The detail of notifications. */
export type Detail = "end" | "steps";

/**
 * Adds this process to the listeners of a task. True if the row was written: events since the task was read went only
 * to others.
 */
export async function listenTo(
  db: Database,
  signals: TaskSignals,
  { id, record, listeners }: StoredTask,
  detail: Detail,
): Promise<boolean> {
  const me = signals.processName;
  const told = listeners.watchers.includes(me) || (detail === "end" && listeners.waiters.includes(me));
  if (db.kind === "pglite" || told || isFinal(record.state)) return false;
  const column = detail === "end" ? "waiters" : "watchers";
  const [row] = await db.query<{ worker: string | null }>(
    `update tasks set ${column} = array_append(${column}, $2)
     where id = $1 and not $2 = any(${column}) and state in ('queued', 'running') returning worker`,
    [id, me],
  );
  if (row?.worker) signals.publish({ type: "listened", id, by: me, all: detail === "steps" }, [row.worker]);
  return true;
}

/** Milliseconds for which a process follows all tasks of an owner. The process renews it. */
export const FOLLOWING_MS = 30_000;

/**
 * Notifies a process of every task that an owner submits, for `FOLLOWING_MS`. With `previews`, workers make previews.
 */
export async function followTasksOf(db: Queryable, owner: OwnerId, process: string, previews: boolean): Promise<void> {
  await db.query(
    `insert into followers (owner, process, until, previews_until)
     values ($1, $2, now() + make_interval(secs => $3), case when $4::boolean then now() + make_interval(secs => $3) else now() end)
     on conflict (owner, process) do update
     set until = excluded.until, previews_until = greatest(followers.previews_until, excluded.previews_until)`,
    [owner, process, FOLLOWING_MS / 1000, previews],
  );
}

/** The processes that currently follow an owner. */
export async function followersOf(db: Queryable, owner: OwnerId): Promise<string[]> {
  const rows = await db.query<{ process: string }>("select process from followers where owner = $1 and until > now()", [
    owner,
  ]);
  return rows.map(({ process }) => process);
}

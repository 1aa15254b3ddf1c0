import type { Queryable } from "../database/index.ts";
import type { QueueCounts } from "./types.ts";

/** How many tasks wait and run. */
export async function countTasks(db: Queryable): Promise<QueueCounts> {
  const rows = await db.query<{ queued: number; running: number }>(
    `select (select count(*)::int from tasks where state = 'queued') as queued,
            (select count(*)::int from tasks where state = 'running') as running`,
  );
  return rows[0]!;
}

import type { Queryable } from "../database/index.ts";

/** Condition on a task `t`: its results have been delivered or given up. */
const OWES_NOTHING = `not exists (
  select 1 from deliveries d where d.owner = t.owner and d.task_uuid = t.task_uuid and d.state = 'pending')`;

/** Rows per statement. A long statement would delay others, and its memory grows with the number of deleted rows. */
const BATCH = 1_000;

/**
 * Deletes tasks that have been final for `keepSeconds` and have no pending deliveries, and deliveries that were settled
 * a week ago. Images are kept until they expire.
 */
export async function expireTasks(db: Queryable, keepSeconds: number): Promise<number> {
  const tasks = await inBatches(() =>
    db.query(
      `delete from tasks where id in (
         select id from tasks t where finished_at < now() - make_interval(secs => $1) and ${OWES_NOTHING}
         limit ${BATCH} for update skip locked
       ) returning id`,
      [keepSeconds],
    ),
  );
  await inBatches(() =>
    db.query(
      `delete from deliveries where id in (
         select id from deliveries where finished_at < now() - interval '7 days' limit ${BATCH} for update skip locked
       ) returning id`,
    ),
  );
  return tasks;
}

/**
 * Deletes an abandoned or failed task before it expires, so that it can start again. False if it does not exist or has
 * a pending delivery.
 */
export async function forgetUnfinished(db: Queryable, id: string): Promise<boolean> {
  const gone = await db.query(
    `delete from tasks t where id = $1 and (abandoned or state = 'failed') and ${OWES_NOTHING} returning id`,
    [id],
  );
  return gone.length > 0;
}

/** Deletes in batches and returns the number of rows. */
async function inBatches(remove: () => Promise<readonly unknown[]>): Promise<number> {
  for (let gone = 0; ; ) {
    const { length } = await remove();
    gone += length;
    if (length < BATCH) return gone;
  }
}

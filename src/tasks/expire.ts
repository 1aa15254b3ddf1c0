import type { Queryable } from "../database/index.ts";

/**
 * Forgets tasks that have been final for `keepSeconds` and owe no delivery any more, and deliveries settled a week ago.
 * Their pictures live on until their own time is up.
 */
export async function expireTasks(db: Queryable, keepSeconds: number): Promise<number> {
  const gone = await db.query(
    `delete from tasks t
     where finished_at < now() - make_interval(secs => $1)
       and not exists (select 1 from deliveries d
                       where d.owner = t.owner and d.task_uuid = t.task_uuid and d.state = 'pending')
     returning id`,
    [keepSeconds],
  );
  await db.query("delete from deliveries where finished_at < now() - interval '7 days'");
  return gone.length;
}

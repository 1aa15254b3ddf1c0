import type { Queryable } from "../database/index.ts";
import type { OwnerId } from "./types.ts";

export interface NewTask {
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly bodyHash: string;
  readonly task: string;
  readonly request: string;
  readonly seed: bigint;
  readonly salt: string;
  /** How much of the owner's share it takes: its number of pictures. */
  readonly weight: number;
}

export interface Inserted {
  readonly id: string;
  readonly createdAt: Date;
  readonly place: number;
}

/**
 * Stores a task unless its taskUUID is taken or `limit` tasks are waiting; then nothing happens and the result is
 * undefined. One statement, so one round trip; the unique constraint decides between twins.
 *
 * Order is start-time fair queueing (Goyal, Vin, Cheng 1996): virtual time is the turn of the task started last; a task's
 * turn is the later of virtual time and the end of its owner's previous task, which it moves on by its weight. So an owner
 * who comes while another has a thousand tasks waiting is served next, and the order is known when the task arrives:
 * claiming is one index look-up, and so is the place in the queue.
 */
export async function insertTask(db: Queryable, task: NewTask, limit: number): Promise<Inserted | undefined> {
  const rows = await db.query<{ id: string; created_at: Date; place: number }>(
    `with waiting as (
       select count(*) as tasks, min(turn) as next from tasks where state = 'queued'
     ), started as (
       select max(turn) as last from tasks where attempt > 0
     ), mine as (
       select max(turn_end) as turn_end from tasks where owner = $1 and state <> 'cancelled'
     ), this as (
       select greatest(coalesce(started.last, waiting.next, 0), coalesce(mine.turn_end, 0)) as turn
       from waiting, started, mine
       where waiting.tasks < $9
     ), inserted as (
       insert into tasks (owner, task_uuid, body_hash, task, request, seed, salt, turn, turn_end)
       select $1, $2, $3, $4, $5, $6, $7, turn, turn + $8 from this
       on conflict (owner, task_uuid) do nothing
       returning id, turn, created_at
     )
     select id::text, created_at,
            (select count(*)::int from tasks q where q.state = 'queued' and q.turn <= inserted.turn) as place
     from inserted`,
    [
      task.owner,
      task.taskUUID,
      task.bodyHash,
      task.task,
      task.request,
      String(task.seed),
      task.salt,
      task.weight,
      limit,
    ],
  );
  const row = rows[0];
  return row && { id: row.id, createdAt: row.created_at, place: row.place };
}

import type { Queryable } from "../database/index.ts";
import type { Lane, OwnerId } from "./types.ts";

export interface NewTask {
  readonly owner: OwnerId;
  readonly lane: Lane;
  readonly taskUUID: string;
  readonly bodyHash: string;
  readonly task: string;
  readonly request: string;
  readonly seed: bigint;
  readonly salt: string;
  /** How much of the owner's share of its lane it takes: its number of pictures. */
  readonly weight: number;
}

export interface Inserted {
  readonly id: string;
  readonly createdAt: Date;
}

/**
 * Stores a task unless its taskUUID is taken: then nothing happens and the result is undefined. One statement, so one
 * round trip, of index look-ups alone; the unique constraint decides between twins.
 *
 * Order, within a lane, is start-time fair queueing (Goyal, Vin, Cheng 1996): virtual time is the turn of the task started last; a task's
 * turn is the later of virtual time and the end of its owner's previous task, which it moves on by its weight. So an owner
 * who comes while another has a thousand tasks waiting is served next, and the order is known when the task arrives:
 * claiming is one index look-up.
 */
export async function insertTask(db: Queryable, task: NewTask): Promise<Inserted | undefined> {
  const rows = await db.query<{ id: string; created_at: Date }>(
    `insert into tasks (owner, task_uuid, body_hash, task, request, seed, salt, lane, turn, turn_end)
     select $1, $2, $3, $4, $5, $6, $7, $9, turn, turn + $8
     from (
       select greatest(
         coalesce(
           (select max(turn) from tasks where lane = $9 and attempt > 0),
           (select min(turn) from tasks where lane = $9 and state = 'queued'),
           0
         ),
         coalesce((select max(turn_end) from tasks where owner = $1 and lane = $9 and state <> 'cancelled'), 0)
       ) as turn
     ) next
     on conflict (owner, task_uuid) do nothing
     returning id::text, created_at`,
    [
      task.owner,
      task.taskUUID,
      task.bodyHash,
      task.task,
      task.request,
      String(task.seed),
      task.salt,
      task.weight,
      task.lane,
    ],
  );
  const row = rows[0];
  return row && { id: row.id, createdAt: row.created_at };
}

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
  /** Models that it names. */
  readonly needs: readonly string[];
  /** The process that takes it in, and is told of its end. */
  readonly waiter: string;
}

/** What became of an insertion. */
export interface Insertion {
  /** The new row; absent when the taskUUID is taken, or there was no room. */
  readonly inserted?: { readonly id: string; readonly createdAt: Date; readonly watchers: readonly string[] };
  /** Tasks that waited before: of all owners, and of this one. */
  readonly waiting: number;
  readonly waitingOfOwner: number;
}

/** How many tasks may wait: in all, and of one owner. */
export interface Room {
  readonly all: number;
  readonly perOwner: number;
}

/**
 * Stores a task unless its taskUUID is taken or as many wait as may. One statement, so one round trip; the unique constraint
 * decides between twins. Statements that run at the same moment do not count each other: on PostgreSQL the room may be exceeded by
 * as many as there are connections.
 *
 * Order, within a lane, is start-time fair queueing (Goyal, Vin, Cheng 1996): virtual time is the turn of the task started last; a task's
 * turn is the later of virtual time and the end of its owner's previous task, which it moves on by its weight. So an owner
 * who comes while another has a thousand tasks waiting is served next, and the order is known when the task arrives:
 * claiming is one index look-up.
 */
export async function insertTask(db: Queryable, task: NewTask, room: Room): Promise<Insertion> {
  const [row] = await db.query<InsertionRow>(
    `with waiting as (
       select count(*)::int as waiting, (count(*) filter (where owner = $1))::int as waiting_of_owner
       from tasks where state = 'queued'
     ), next as (
       select greatest(
         coalesce(
           (select max(turn) from tasks where lane = $9 and attempt > 0),
           (select min(turn) from tasks where lane = $9 and state = 'queued'),
           0
         ),
         coalesce((select max(turn_end) from tasks where owner = $1 and lane = $9 and state <> 'cancelled'), 0)
       ) as turn
     ), inserted as (
       insert into tasks (owner, task_uuid, body_hash, task, request, seed, salt, lane, turn, turn_end, needs, waiters, watchers)
       select $1, $2, $3, $4, $5, $6, $7, $9, turn, turn + $8, $12::text[], array[$13::text],
              array(select process from followers where owner = $1 and until > now())
       from next, waiting
       where waiting < $10 and waiting_of_owner < $11
       on conflict (owner, task_uuid) do nothing
       returning id, created_at, watchers
     )
     select waiting, waiting_of_owner, id::text, created_at, watchers from waiting left join inserted on true`,
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
      room.all,
      room.perOwner,
      task.needs,
      task.waiter,
    ],
  );
  const { id, created_at: createdAt, watchers, waiting, waiting_of_owner: waitingOfOwner } = row!;
  return {
    inserted: id && createdAt ? { id, createdAt, watchers: watchers ?? [] } : undefined,
    waiting,
    waitingOfOwner,
  };
}

interface InsertionRow {
  id: string | null;
  created_at: Date | null;
  watchers: string[] | null;
  waiting: number;
  waiting_of_owner: number;
}

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
  /** The weight of the task in its owner's share of the lane: its number of images. */
  readonly weight: number;
  /** Models that the task names. */
  readonly needs: readonly string[];
  /** Waiting tasks that its owner may have. */
  readonly mostOfOwner: number;
  /** The `traceparent` of its request. */
  readonly trace: string | undefined;
}

/** The outcome of an insertion. */
export interface Insertion {
  /** The new row; absent if the taskUUID is taken, or the queue was full. */
  readonly inserted?: { readonly id: string; readonly createdAt: Date; readonly watchers: readonly string[] };
  /** Tasks that waited before: of all owners, and of this owner. Includes earlier tasks of the same batch. */
  readonly waiting: number;
  readonly waitingOfOwner: number;
}

/** Most tasks in one call of `insertTasks`. */
export const MOST_AT_ONCE = 64;

/**
 * Stores tasks. A task is not stored if its taskUUID is taken, or if too many tasks wait: `mostWaiting` of all owners,
 * or `mostOfOwner` of its owner. All tasks take one statement, so one round trip and one commit. The unique constraint
 * decides between duplicates; a batch contains none. Concurrent statements do not count each other's tasks, so
 * processes can exceed the limits slightly.
 * The order within a lane is start-time fair queueing (Goyal, Vin, Cheng 1996). Virtual time is the turn of the task
 * that started last. A task's turn is the later of virtual time and the end of its owner's previous task. Its weight
 * then advances that end. A new owner is therefore served next even when another has a thousand tasks queued. The order
 * is known when the task arrives, so claiming takes one index look-up.
 * @param waiter the process that accepts the tasks and is notified of their end
 */
export async function insertTasks(
  db: Queryable,
  tasks: readonly NewTask[],
  mostWaiting: number,
  waiter: string,
): Promise<readonly Insertion[]> {
  const rows = await db.query<InsertionRow>(
    `with given as (
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                            $9::int[], $10::text[], $11::int[], $14::text[]) with ordinality
         as given (owner, lane, task_uuid, body_hash, task, request, seed, salt, weight, needs, most_of_owner, trace, n)
     ), waiting as (
       select owner, count(*)::int as tasks from tasks where state = 'queued' group by owner
     ), lanes as (
       select lane, coalesce(
         (select max(turn) from tasks t where t.lane = l.lane and attempt > 0),
         (select min(turn) from tasks t where t.lane = l.lane and state = 'queued'),
         0
       ) as now from (select distinct lane from given) l
     ), fresh as (
       select given.*, coalesce(waiting.tasks, 0) + row_number() over (partition by given.owner order by n) as of_owner
       from given left join waiting using (owner)
       where not exists (select 1 from tasks t where t.owner = given.owner and t.task_uuid = given.task_uuid)
     ), allowed as (
       select fresh.*, row_number() over (order by n) as ordinal,
              sum(weight) over (partition by owner, lane order by n) - weight as before
       from fresh where of_owner <= most_of_owner
     ), turned as (
       select allowed.*, before + greatest(
         lanes.now,
         coalesce((select max(turn_end) from tasks t where t.owner = allowed.owner and t.lane = allowed.lane and t.state <> 'cancelled'), 0)
       ) as turn
       from allowed join lanes using (lane)
       where ordinal + (select coalesce(sum(tasks), 0) from waiting) <= $12
     ), inserted as (
       insert into tasks (owner, task_uuid, body_hash, task, request, seed, salt, lane, turn, turn_end, needs, waiters, watchers, trace)
       select owner, task_uuid, body_hash, task, request, seed, salt, lane, turn, turn + weight,
              array(select json_array_elements_text(needs::json)), array[$13::text],
              array(select process from followers where followers.owner = turned.owner and until > now()), trace
       from turned order by n
       on conflict (owner, task_uuid) do nothing
       returning id, owner, task_uuid, created_at, watchers
     )
     select inserted.id::text, inserted.created_at, inserted.watchers,
            (select coalesce(sum(tasks), 0)::int from waiting) + (n - 1)::int as waiting,
            coalesce((select tasks from waiting where waiting.owner = given.owner), 0)
              + (row_number() over (partition by given.owner order by n) - 1)::int as waiting_of_owner
     from given left join inserted using (owner, task_uuid) order by n`,
    [
      tasks.map(({ owner }) => owner),
      tasks.map(({ lane }) => lane),
      tasks.map(({ taskUUID }) => taskUUID),
      tasks.map(({ bodyHash }) => bodyHash),
      tasks.map(({ task }) => task),
      tasks.map(({ request }) => request),
      tasks.map(({ seed }) => String(seed)),
      tasks.map(({ salt }) => salt),
      tasks.map(({ weight }) => weight),
      tasks.map(({ needs }) => JSON.stringify(needs)),
      tasks.map(({ mostOfOwner }) => mostOfOwner),
      mostWaiting,
      waiter,
      tasks.map(({ trace }) => trace ?? null),
    ],
  );
  return rows.map(({ id, created_at: createdAt, watchers, waiting, waiting_of_owner: waitingOfOwner }) => ({
    inserted: id && createdAt ? { id, createdAt, watchers: watchers ?? [] } : undefined,
    waiting,
    waitingOfOwner,
  }));
}

interface InsertionRow {
  id: string | null;
  created_at: Date | null;
  watchers: string[] | null;
  waiting: number;
  waiting_of_owner: number;
}

/** Idle workers of all processes: each is a row. The process that stores a task takes one of the rows and wakes its worker. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/index.ts";
import { CHANNEL_OF, type TaskSignals } from "./signals.ts";
import { DUE, LEFT, LIVES, takeable } from "./takeable.ts";
import type { Lane } from "./types.ts";

/** A worker of a process: its lane, and its number in that lane. */
export interface Seat {
  readonly lane: Lane;
  readonly seat: number;
}

export interface IdleWorkers {
  /** Idle workers of this process that have not been woken. */
  readonly resting: readonly Seat[];
  /** Records that a worker is idle, with this model in memory, in a process with these offers. True: a task is already waiting for it. */
  rest(seat: Seat, loaded: string | undefined, offers: readonly string[] | undefined): Promise<boolean>;
  /** Records that the worker has a task. */
  work(seat: Seat): void;
  /** Wakes one idle worker that can run such a task, in any process. */
  wake(lane: Lane, needs: readonly string[]): Promise<void>;
  /** Removes the workers of this process, so that they are not woken any more. */
  retire(): Promise<void>;
  close(): void;
}

/**
 * Milliseconds before a second search for an idle worker. A task that arrives when all workers are busy wakes none, but
 * one may become idle at that moment.
 */
const LOOK_AGAIN_MS = 25;

/** Tasks for which workers are woken. */
interface Call {
  readonly lane: Lane;
  readonly needs: readonly string[];
  tasks: number;
}

export function createIdleWorkers(db: Database, signals: TaskSignals): IdleWorkers {
  const me = signals.processName;
  const resting = new Map<string, Seat>();
  const calls = new Map<string, Call>();
  let closed = false;
  let retired = false;

  /**
   * Wakes idle workers for tasks, at most one per task, and returns their number. With `again`, only for tasks that are
   * still queued.
   */
  async function wakeSome({ lane, needs, tasks }: Call, again: boolean): Promise<number> {
    const woken = await db.query<{ process: string; seat: number }>(
      `with picked as materialized (
         select i.process, i.lane, i.seat from idle_workers i join processes w on w.name = i.process
         where i.lane = $2 and ${LIVES("w")}
           and (w.offers is null or $3::text[] <@ w.offers or not exists (
             select 1 from processes p where ${LIVES("p")} and $3::text[] <@ p.offers))
         order by i.loaded is not distinct from $4 desc, w.name = $1 desc, random()
         limit case when $6::boolean
               then (select count(*) from (select 1 from tasks where state = 'queued' and lane = $2 limit $5) waiting) else $5 end
         for update of i skip locked
       ), woken as (
         delete from idle_workers i using picked
         where (i.process, i.lane, i.seat) = (picked.process, picked.lane, picked.seat) returning i.process, i.seat
       )
       select process, seat, case when process <> $1 then
         pg_notify(${CHANNEL_OF("process")}, json_build_object('type', 'queued', 'lane', $2::text, 'seat', seat)::text) end
       from woken`,
      [me, lane, needs, needs[0] ?? null, tasks, again],
    );
    for (const { process, seat } of woken) if (process === me) signals.publish({ type: "queued", lane, seat });
    return woken.length;
  }

  /** Wakes workers for tasks. Tasks that arrive while a statement runs share the next one. */
  async function wake(lane: Lane, needs: readonly string[]): Promise<void> {
    const name = JSON.stringify([lane, ...needs]);
    const waiting = calls.get(name);
    if (waiting !== undefined) {
      waiting.tasks++;
      return;
    }
    const call: Call = { lane, needs, tasks: 1 };
    calls.set(name, call);
    try {
      for (let again = false; call.tasks > 0 && !closed; ) {
        const asked = { ...call };
        call.tasks = 0;
        const missing = asked.tasks - (await wakeSome(asked, again));
        if (missing > 0 && !again) {
          again = true;
          call.tasks += missing;
          await sleep(LOOK_AGAIN_MS, undefined, { ref: false });
        } else again = false;
      }
    } finally {
      calls.delete(name);
    }
  }

  const unlisten = signals.listen((signal) => {
    // The process that woke it has recorded that.
    if (signal.type === "queued" && signal.seat !== undefined) resting.delete(nameOf(signal.lane, signal.seat));
  });

  return {
    get resting() {
      return [...resting.values()];
    },
    async rest({ lane, seat }, loaded, offers) {
      if (retired) return false;
      resting.set(nameOf(lane, seat), { lane, seat });
      const [row] = await db.query<{ waiting: boolean }>(
        `with idle as (
           insert into idle_workers (process, lane, seat, loaded) values ($1, $2, $3, $4)
           on conflict (process, lane, seat) do update set loaded = excluded.loaded
         )
         select exists (
           select 1 from tasks t where t.state = 'queued' and t.lane = $2 and ${DUE} and ${LEFT} and ${takeable("$5")}) as waiting`,
        [me, lane, seat, loaded ?? null, offers ?? null],
      );
      return row!.waiting;
    },
    work({ lane, seat }) {
      if (!resting.delete(nameOf(lane, seat))) return;
      db.query("delete from idle_workers where process = $1 and lane = $2 and seat = $3", [me, lane, seat]).catch(
        () => {},
      );
    },
    wake,
    async retire() {
      retired = true;
      resting.clear();
      await db.query("delete from idle_workers where process = $1", [me]).catch(() => {});
    },
    close() {
      closed = true;
      unlisten();
    },
  };
}

const nameOf = (lane: Lane, seat: number): string => `${lane} ${seat}`;

/** Who is there: the processes on one database, whose workers wait for a task, and which process does the upkeep for all. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/index.ts";
import { CHANNEL_OF, type TaskSignals } from "./signals.ts";
import type { Lane } from "./types.ts";

/** What the worker of a process has installed. */
export interface Offers {
  /** Names by which tasks may ask for it: models, LoRAs, ControlNets. */
  readonly names: readonly string[];
  /** What other processes tell of it, as JSON text. Absent: nothing. */
  readonly catalogue?: string;
}

export interface PresenceOptions {
  readonly db: Database;
  readonly signals: TaskSignals;
  /** Asked at every beat. Default: its worker takes every task. */
  offers?(): Promise<Offers>;
  /** How often the process says that it lives, and looks for tasks that nobody was woken for. */
  readonly beatMs?: number;
}

/** A worker of a process: its lane, and its number among those of that lane. */
export interface Seat {
  readonly lane: Lane;
  readonly seat: number;
}

export interface Presence {
  /** Names that the worker of this process offers; undefined for all. */
  readonly offered: readonly string[] | undefined;
  /** Whether this process does the upkeep. */
  readonly isUpkeeper: boolean;
  /** Called when this process takes the upkeep over. */
  onUpkeep(takeOver: () => void): void;
  /** Notes that a worker waits, with this model in memory. True: there is a task for it already. */
  rest(seat: Seat, loaded: string | undefined): Promise<boolean>;
  /** Notes that it has a task. */
  work(seat: Seat): void;
  /** Wakes one worker that waits for tasks like this, whichever process it is in. */
  wake(lane: Lane, needs: readonly string[]): void;
  /** Takes this process's workers off: nobody wakes them any more. */
  retire(): Promise<void>;
  /** What the workers of all living processes have: their catalogues. */
  catalogues(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A process that was not heard of for so long counts as gone: four beats. */
export const LIVES = (process: string): string => `${process}.seen_at > now() - interval '20 seconds'`;

/** The upkeep passes on when its process was not heard of for so long. */
const OFFICE = "interval '8 seconds'";

/**
 * Condition on a task `t`: a worker with these offers may take it. It has all that the task names, or nobody who lives has: then it is
 * to say so.
 */
export const takeable = (offers: string): string => `
  (${offers}::text[] is null or t.needs <@ ${offers}::text[] or not exists (
    select 1 from processes p where ${LIVES("p")} and t.needs <@ p.offers))`;

/** Condition on a queued task `t`: its pause is over. Pauses take seconds: one that is longer began before the clock was set back. */
export const DUE = "(t.not_before <= now() or t.not_before > now() + interval '1 minute')";

/**
 * Condition on a queued task `t`: it is older than what a woken worker needs to claim it. For younger ones somebody has just been
 * woken; to look for those too would cost a claim in vain.
 */
export const LEFT = "(t.created_at < now() - interval '100 milliseconds' or t.created_at > now())";

/**
 * A task that comes when every worker is busy wakes nobody. One of them may be resting at that very moment: it is looked for once more
 * after so long.
 */
const LOOK_AGAIN_MS = 25;

/** Tasks that workers are woken for. */
interface Call {
  readonly lane: Lane;
  readonly needs: readonly string[];
  tasks: number;
}

/** Makes this process known to the others on its database, and keeps it so. */
export async function openPresence(options: PresenceOptions): Promise<Presence> {
  return options.db.kind === "pglite" ? alone(options) : amongOthers(options);
}

/** Nobody else has the embedded database open. */
async function alone({ signals, offers }: PresenceOptions): Promise<Presence> {
  await offers?.();
  return {
    offered: undefined,
    isUpkeeper: true,
    onUpkeep() {},
    rest: async () => false,
    work() {},
    wake: (lane) => signals.publish({ type: "queued", lane }),
    retire: async () => {},
    catalogues: async () => [],
    close: async () => {},
  };
}

async function amongOthers({ db, signals, offers, beatMs = 5_000 }: PresenceOptions): Promise<Presence> {
  const me = signals.processName;
  /** Workers that wait and that nobody has woken yet. */
  const resting = new Map<string, Seat>();
  const calls = new Map<string, Call>();
  let offered: Offers | undefined;
  let isUpkeeper = false;
  let closed = false;
  let retired = false;
  let takeOver = () => {};

  async function introduce(): Promise<void> {
    const seats = [...resting.values()];
    await db.query(
      `with told as (
         insert into catalogues (id, content) select md5($3), $3 where $3::text is not null on conflict do nothing
       ), idle as (
         insert into idle_workers (process, lane, seat)
         select $1, lane, seat from unnest($4::text[], $5::int[]) as waiting (lane, seat) on conflict do nothing
       )
       insert into processes (name, offers, catalogue) values ($1, $2::text[], md5($3))
       on conflict (name) do update set seen_at = now(), offers = excluded.offers, catalogue = excluded.catalogue`,
      [
        me,
        offered?.names ?? null,
        offered?.catalogue ?? null,
        seats.map(({ lane }) => lane),
        seats.map(({ seat }) => seat),
      ],
    );
  }

  async function beat(): Promise<void> {
    const latest = await offers?.();
    const changed = JSON.stringify(latest) !== JSON.stringify(offered);
    offered = latest;
    const [row] = await db.query<{ known: boolean; upkeeper: boolean; waiting: Lane[] }>(
      `with me as (
         update processes set seen_at = now() where name = $1 returning 1
       ), office as (
         insert into upkeeper (process, until)
         select $1, now() + ${OFFICE}
         where not exists (
           select 1 from upkeeper where process <> $1 and until > now() and until < now() + interval '1 minute')
         on conflict (id) do update set process = excluded.process, until = excluded.until
         where upkeeper.process = $1 or upkeeper.until <= now() or upkeeper.until > now() + interval '1 minute'
         returning 1
       )
       select exists (select 1 from me) as known, exists (select 1 from office) as upkeeper,
              array(select lane from unnest($2::text[]) as lane where exists (
                select 1 from tasks t where t.state = 'queued' and t.lane = lane and ${DUE} and ${LEFT} and ${takeable("$3")})) as waiting`,
      [me, [...new Set([...resting.values()].map(({ lane }) => lane))], offered?.names ?? null],
    );
    const { known, upkeeper, waiting } = row!;
    if (closed) return;
    if (!known || changed) await introduce();
    const begins = upkeeper && !isUpkeeper;
    isUpkeeper = upkeeper;
    if (begins) takeOver();
    for (const lane of waiting) signals.publish({ type: "queued", lane });
  }

  /** Wakes up to so many workers that wait for tasks like this, and tells how many it found. With `again` only for tasks that still wait. */
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

  /** Wakes workers for as many tasks as are called for; those that come while a statement is under way go together in the next one. */
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
    // Whoever woke it has noted that.
    if (signal.type === "queued" && signal.seat !== undefined) resting.delete(nameOf(signal.lane, signal.seat));
  });
  offered = await offers?.();
  await introduce();
  await beat();
  // Not all at the same moment, wherever they were started together.
  const timer = setInterval(() => void beat().catch(() => {}), beatMs * (0.9 + 0.2 * Math.random())).unref();

  return {
    get offered() {
      return offered?.names;
    },
    get isUpkeeper() {
      return isUpkeeper;
    },
    onUpkeep(listener) {
      takeOver = listener;
      if (isUpkeeper) listener();
    },
    async rest({ lane, seat }, loaded) {
      if (retired) return false;
      resting.set(nameOf(lane, seat), { lane, seat });
      const [row] = await db.query<{ waiting: boolean }>(
        `with idle as (
           insert into idle_workers (process, lane, seat, loaded) values ($1, $2, $3, $4)
           on conflict (process, lane, seat) do update set loaded = excluded.loaded
         )
         select exists (
           select 1 from tasks t where t.state = 'queued' and t.lane = $2 and ${DUE} and ${LEFT} and ${takeable("$5")}) as waiting`,
        [me, lane, seat, loaded ?? null, offered?.names ?? null],
      );
      return row!.waiting;
    },
    work({ lane, seat }) {
      if (!resting.delete(nameOf(lane, seat))) return;
      db.query("delete from idle_workers where process = $1 and lane = $2 and seat = $3", [me, lane, seat]).catch(
        () => {},
      );
    },
    wake: (lane, needs) => void wake(lane, needs).catch(() => {}), // a hint: the beats find what waits
    async retire() {
      retired = true;
      resting.clear();
      await db.query("delete from idle_workers where process = $1", [me]).catch(() => {});
    },
    async catalogues() {
      const rows = await db.query<{ content: string }>(
        `select content from catalogues where id in (
           select catalogue from processes p where ${LIVES("p")} and name <> $1) order by id`,
        [me],
      );
      return rows.map(({ content }) => content);
    },
    async close() {
      closed = true;
      clearInterval(timer);
      unlisten();
      await db
        .query(
          `with gone as (delete from processes where name = $1), idle as (delete from idle_workers where process = $1)
           delete from upkeeper where process = $1`,
          [me],
        )
        .catch(() => {});
    },
  };
}

const nameOf = (lane: Lane, seat: number): string => `${lane} ${seat}`;

/** Forgets processes that ended without saying so. */
export async function forgetGone(db: Database): Promise<void> {
  await db.query("delete from processes where seen_at < now() - interval '10 minutes'");
  await db.query("delete from idle_workers where process not in (select name from processes)");
  await db.query(
    "delete from catalogues where id not in (select catalogue from processes where catalogue is not null)",
  );
  await db.query("delete from followers where until < now() - interval '10 minutes'");
}

/** The processes on one database: their heartbeats, their idle workers, and the one that does the upkeep for all. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/index.ts";
import { CHANNEL_OF, type TaskSignals } from "./signals.ts";
import type { Lane } from "./types.ts";

/** The installed models of a process's worker. */
export interface Offers {
  /** Names that tasks may use for them: models, LoRAs, ControlNets. */
  readonly names: readonly string[];
  /** Their catalogue for other processes, as JSON text. Absent: none. */
  readonly catalogue?: string;
}

export interface PresenceOptions {
  readonly db: Database;
  readonly signals: TaskSignals;
  /** Called at every heartbeat. Default: the worker accepts every task. */
  offers?(): Promise<Offers>;
  /** Interval of heartbeats. Each also looks for tasks that no signal announced. */
  readonly beatMs?: number;
}

/** A worker of a process: its lane, and its number in that lane. */
export interface Seat {
  readonly lane: Lane;
  readonly seat: number;
}

export interface Presence {
  /** Names that the worker of this process offers; undefined for all. */
  readonly offered: readonly string[] | undefined;
  /** True if this process does the upkeep. */
  readonly isUpkeeper: boolean;
  /** Called when this process takes over the upkeep. */
  onUpkeep(takeOver: () => void): void;
  /** Records that a worker is idle, with this model in memory. True: a task is already waiting for it. */
  rest(seat: Seat, loaded: string | undefined): Promise<boolean>;
  /** Records that the worker has a task. */
  work(seat: Seat): void;
  /** Wakes one idle worker that can run such a task, in any process. */
  wake(lane: Lane, needs: readonly string[]): void;
  /** Removes the workers of this process, so that they are not woken any more. */
  retire(): Promise<void>;
  /** The catalogues of the workers of all live processes. */
  catalogues(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A process without a heartbeat for this long counts as gone: four heartbeats. */
export const LIVES = (process: string): string => `${process}.seen_at > now() - interval '20 seconds'`;

/** The upkeep passes to another process after this long without a heartbeat. */
const OFFICE = "interval '8 seconds'";

/**
 * Condition on a task `t`: a worker with these offers may claim it. It has all that the task names, or no live worker
 * has; it then fails the task with that reason.
 */
export const takeable = (offers: string): string => `
  (${offers}::text[] is null or t.needs <@ ${offers}::text[] or not exists (
    select 1 from processes p where ${LIVES("p")} and t.needs <@ p.offers))`;

/**
 * Condition on a queued task `t`: its pause is over. Pauses take seconds. A longer one means that the clock was set
 * back.
 */
export const DUE = "(t.not_before <= now() or t.not_before > now() + interval '1 minute')";

/**
 * Condition on a queued task `t`: it is older than the time a woken worker needs to claim it. A worker has just been
 * woken for a younger task, so searching for it would waste a claim.
 */
export const LEFT = "(t.created_at < now() - interval '100 milliseconds' or t.created_at > now())";

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

/** Registers this process with the others on its database, and keeps it registered. */
export async function openPresence(options: PresenceOptions): Promise<Presence> {
  return options.db.kind === "pglite" ? alone(options) : amongOthers(options);
}

/** The presence on an embedded database, which has only one process. */
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
  /** Idle workers that have not been woken. */
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
  offered = await offers?.();
  await introduce();
  await beat();
  // Spreads the heartbeats of processes that were started together.
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
    wake: (lane, needs) => void wake(lane, needs).catch(() => {}), // a hint: heartbeats find waiting tasks
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

/** Deletes processes that ended without notice. */
export async function forgetGone(db: Database): Promise<void> {
  await db.query("delete from processes where seen_at < now() - interval '10 minutes'");
  await db.query("delete from idle_workers where process not in (select name from processes)");
  await db.query(
    "delete from catalogues where id not in (select catalogue from processes where catalogue is not null)",
  );
  await db.query("delete from followers where until < now() - interval '10 minutes'");
}

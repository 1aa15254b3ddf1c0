/** The processes on one database: their heartbeats, their idle workers, and the one that does the upkeep for all. */

import { isDeepStrictEqual } from "node:util";
import type { Database } from "../database/index.ts";
import { createIdleWorkers, type Seat } from "./idle-workers.ts";
import { CHANNEL_OF, type TaskSignal, type TaskSignals } from "./signals.ts";
import { DUE, LEFT, LIVES, takeable } from "./takeable.ts";
import type { Lane, ModelInMemory } from "./types.ts";

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
  /** False if no client asks this process, so that it needs no news of the models of others. Default: true. */
  readonly answers?: boolean;
  /** Interval of heartbeats. Each also looks for tasks that no signal announced. */
  readonly beatMs?: number;
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
  /**
   * Reports the installed models now, instead of at the next heartbeat. When it resolves, all processes can read them,
   * and those that answer clients have been notified.
   */
  announce(): Promise<void>;
  /** Reports the models in memory of this process. `reported` resolves when other processes can read them. */
  hold(models: () => Promise<readonly ModelInMemory[]>): void;
  readonly reported: Promise<void>;
  /** True if another live process offers this name. */
  isElsewhere(name: string): Promise<boolean>;
  /** The catalogues of the workers of all other live processes. */
  catalogues(): Promise<readonly string[]>;
  /** The models in memory of all other live processes. */
  inMemory(): Promise<readonly ModelInMemory[]>;
  close(): Promise<void>;
}

/** The upkeep passes to another process after this long without a heartbeat. */
const OFFICE = "interval '8 seconds'";

/** Least milliseconds between two counts of the upkeep. With faster counts the other processes would look gone. */
const COUNT_MS = 4_000;

const NEW_MODELS: TaskSignal = { type: "models" };

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
    announce: async () => signals.publish(NEW_MODELS),
    hold() {},
    reported: Promise.resolve(),
    isElsewhere: async () => false,
    catalogues: async () => [],
    inMemory: async () => [],
    close: async () => {},
  };
}

async function amongOthers({
  db,
  signals,
  offers,
  answers = true,
  beatMs = 5_000,
}: PresenceOptions): Promise<Presence> {
  const me = signals.processName;
  const idle = createIdleWorkers(db, signals);
  let offered: Offers | undefined;
  /** What other processes can read. It differs from `offered` after an outage of the database. */
  let told: Offers | undefined;
  let held: string | undefined;
  let reported: Promise<void> = Promise.resolve();
  let last: Promise<unknown> = Promise.resolve();
  let isUpkeeper = false;
  let counted = performance.now();
  let closed = false;
  let takeOver = () => {};

  /** Reports one after the other, so that an older list of models never replaces a newer one. */
  function inTurn<T>(report: () => Promise<T>): Promise<T> {
    const turn = last.then(report);
    last = turn.catch(() => {});
    return turn;
  }

  async function introduce(): Promise<void> {
    const seats = idle.resting;
    const offering = offered;
    await db.query(
      `with told as (
         insert into catalogues (id, content) select md5($3), $3 where $3::text is not null on conflict do nothing
       ), idle as (
         insert into idle_workers (process, lane, seat)
         select $1, lane, seat from unnest($4::text[], $5::int[]) as waiting (lane, seat) on conflict do nothing
       )
       insert into processes (name, offers, catalogue, held, answers, beat)
       values ($1, $2::text[], md5($3), $6, $7, (select last_value from upkeeper_beats))
       on conflict (name) do update set seen_at = now(), beat = excluded.beat, offers = excluded.offers,
                                        catalogue = excluded.catalogue, held = excluded.held`,
      [
        me,
        offering?.names ?? null,
        offering?.catalogue ?? null,
        seats.map(({ lane }) => lane),
        seats.map(({ seat }) => seat),
        held ?? null,
        answers,
      ],
    );
    if (!isDeepStrictEqual(offering, told)) {
      await db.query(
        `select pg_notify(${CHANNEL_OF("name")}, $2) from processes p where answers and name <> $1 and ${LIVES("p")}`,
        [me, JSON.stringify(NEW_MODELS)],
      );
      signals.publish(NEW_MODELS);
    }
    told = offering;
  }

  async function beat(): Promise<void> {
    const counts = performance.now() - counted >= COUNT_MS;
    if (counts) counted = performance.now();
    offered = await offers?.();
    const [row] = await db.query<{ known: boolean; upkeeper: boolean; waiting: Lane[] }>(
      `with office as (
         insert into upkeeper (process, until)
         select $1, now() + ${OFFICE}
         where not exists (
           select 1 from upkeeper where process <> $1 and until > now() and until < now() + interval '1 minute')
         on conflict (id) do update set process = excluded.process, until = excluded.until
         where upkeeper.process = $1 or upkeeper.until <= now() or upkeeper.until > now() + interval '1 minute'
         returning case when $4::boolean then nextval('upkeeper_beats') end as beat
       ), me as (
         update processes set seen_at = now(), beat = coalesce((select beat from office), (select last_value from upkeeper_beats))
         where name = $1 returning 1
       )
       select exists (select 1 from me) as known, exists (select 1 from office) as upkeeper,
              array(select lane from unnest($2::text[]) as lane where exists (
                select 1 from tasks t where t.state = 'queued' and t.lane = lane and ${DUE} and ${LEFT} and ${takeable("$3")})) as waiting`,
      [me, [...new Set(idle.resting.map(({ lane }) => lane))], offered?.names ?? null, counts],
    );
    const { known, upkeeper, waiting } = row!;
    if (closed) return;
    if (!known || !isDeepStrictEqual(offered, told)) await introduce();
    const begins = upkeeper && !isUpkeeper;
    isUpkeeper = upkeeper;
    if (begins) takeOver();
    for (const lane of waiting) signals.publish({ type: "queued", lane });
  }

  offered = await offers?.();
  await introduce();
  await inTurn(beat);
  // Spreads the heartbeats of processes that were started together.
  const timer = setInterval(() => void inTurn(beat).catch(() => {}), beatMs * (0.9 + 0.2 * Math.random())).unref();

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
    rest: (seat, loaded) => idle.rest(seat, loaded, offered?.names),
    work: idle.work,
    wake: (lane, needs) => void idle.wake(lane, needs).catch(() => {}), // a hint: heartbeats find waiting tasks
    retire: idle.retire,
    announce: () =>
      inTurn(async () => {
        offered = await offers?.();
        if (!isDeepStrictEqual(offered, told)) await introduce();
      }),
    hold(models) {
      reported = inTurn(async () => {
        held = JSON.stringify(await models());
        await db.query("update processes set held = $2 where name = $1", [me, held]);
      }).catch(() => {}); // without this report only the shown state of a model is wrong
    },
    get reported() {
      return reported;
    },
    async isElsewhere(offer) {
      const rows = await db.query(
        `select 1 from processes p where $2 = any(offers) and name <> $1 and ${LIVES("p")} limit 1`,
        [me, offer],
      );
      return rows.length > 0;
    },
    async inMemory() {
      const rows = await db.query<{ held: string }>(
        `select held from processes p where held is not null and name <> $1 and ${LIVES("p")} order by name`,
        [me],
      );
      return rows.flatMap(({ held }) => JSON.parse(held) as ModelInMemory[]);
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
      idle.close();
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

/** Deletes processes that ended without notice. */
export async function forgetGone(db: Database): Promise<void> {
  await db.query(`delete from processes p where seen_at < now() - interval '10 minutes' and not ${LIVES("p")}`);
  await db.query("delete from idle_workers where process not in (select name from processes)");
  await db.query(
    "delete from catalogues where id not in (select catalogue from processes where catalogue is not null)",
  );
  await db.query("delete from followers where until < now() - interval '10 minutes'");
}

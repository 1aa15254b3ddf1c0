/** What the dispatcher costs: statements, claims, time and connections, as PostgreSQL counts them. */

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { countProcessorTime, postgresProcesses } from "./processor-time.ts";

/** A way to hand tasks in and to wait for their end. */
export interface Dispatcher {
  /** Resolves once the task is final. */
  task(): Promise<void>;
}

export interface Figures {
  readonly workers: number;
  readonly engineMs: number;
  /** Of a queue worked off as fast as it goes. */
  readonly tasksASecond: number;
  readonly claimsATaskFull: number;
  readonly statementsATaskFull: number;
  /** Of tasks that come one by one, while workers are idle. */
  readonly claimsATask: number;
  readonly statementsATask: number;
  /** Milliseconds between handing in and the end, without the engine's own. */
  readonly addedP50: number;
  readonly addedP99: number;
  /** Processor time of tasks that come one by one, milliseconds each: by PostgreSQL for statements, and for hearing NOTIFY, by API servers and workers. */
  readonly ofStatements: number;
  readonly ofListeners: number;
  readonly ofServers: number;
  readonly ofWorkers: number;
  readonly idleStatementsASecond: number;
  readonly connections: number;
}

export interface Scenario {
  readonly url: string;
  readonly workers: number;
  readonly engineMs: number;
  /** Tasks of the full queue, and of those that come one by one. */
  readonly full: number;
  readonly single: number;
  readonly idleSeconds: number;
  /** Processes of the servers and of the workers. */
  readonly processes: Readonly<Record<"servers" | "workers", readonly number[]>>;
  /** Begins the statement that claims a task. */
  readonly claim: RegExp;
}

/** Runs the three scenes: a full queue, tasks one by one with idle workers, nothing to do. */
export async function measure(dispatcher: Dispatcher, scenario: Scenario): Promise<Figures> {
  const { url, workers, engineMs, full, single, idleSeconds, processes, claim } = scenario;
  const watcher = new pg.Client({ connectionString: url, application_name: "bench" });
  watcher.on("error", () => {}); // the statement under way says so
  await watcher.connect();
  await watcher.query("create extension if not exists pg_stat_statements");
  const count = async () => {
    const { rows } = await watcher.query<{ query: string; calls: number }>(
      "select query, calls::int from pg_stat_statements where query not ilike '%pg_stat_%'",
    );
    const sum = (fits: (query: string) => boolean) =>
      rows.reduce((all, { query, calls }) => all + (fits(query) ? calls : 0), 0);
    if (process.env.BENCH_STATEMENTS) {
      for (const { query, calls } of rows.sort((a, b) => b.calls - a.calls).slice(0, 16)) {
        console.error(String(calls).padStart(7), query.replace(/\s+/g, " ").slice(0, 140));
      }
      console.error("");
    }
    return { statements: sum(() => true), claims: sum((query) => claim.test(query)) };
  };
  const reset = () => watcher.query("select pg_stat_statements_reset()");

  await Promise.all(Array.from({ length: 2 * workers }, () => dispatcher.task())); // warm
  await sleep(500);
  await reset();
  const before = performance.now();
  await Promise.all(Array.from({ length: full }, () => dispatcher.task()));
  const tasksASecond = full / ((performance.now() - before) / 1000);
  const whenFull = await count();

  await sleep(1_000);
  await reset();
  // A third of what the workers can do, 25 a second at most: there is always one that is idle.
  const pause = Math.max(40, (3 * (engineMs + 15)) / workers);
  const added: number[] = [];
  const used = countProcessorTime({ ...processes, ...(await postgresProcesses(url)) });
  const running: Promise<void>[] = [];
  for (let i = 0; i < single; i++) {
    const begun = performance.now();
    running.push(dispatcher.task().then(() => void added.push(performance.now() - begun - engineMs)));
    await sleep(pause * (0.5 + ((i * 7919) % 101) / 101));
  }
  await Promise.all(running);
  const { statements, listeners, servers, workers: ofWorkers } = used();
  const oneByOne = await count();
  added.sort((a, b) => a - b);
  const addedP50 = added[Math.floor(added.length / 2)]!;
  if (process.env.BENCH_PHASES) console.error(await phases(watcher, { single, engineMs, addedP50 }));

  await sleep(2_000);
  await reset();
  await sleep(idleSeconds * 1000);
  const idle = await count();
  const { rows } = await watcher.query<{ connections: number }>(
    "select count(*)::int as connections from pg_stat_activity where backend_type = 'client backend' and application_name <> 'bench'",
  );
  await watcher.end();
  return {
    workers,
    engineMs,
    tasksASecond,
    claimsATaskFull: whenFull.claims / full,
    statementsATaskFull: whenFull.statements / full,
    claimsATask: oneByOne.claims / single,
    statementsATask: oneByOne.statements / single,
    addedP50,
    addedP99: added[Math.floor(added.length * 0.99)]!,
    ofStatements: statements! / single,
    ofListeners: listeners! / single,
    ofServers: servers! / single,
    ofWorkers: ofWorkers! / single,
    idleStatementsASecond: idle.statements / idleSeconds,
    connections: rows[0]!.connections,
  };
}

/**
 * The phases of the last tasks by PostgreSQL's clock, medians: from the start of the insertion to that of the claim, and from there
 * to the recording. The rest is before and after: handing in, the commit, the signal of the end, and reading the task.
 */
async function phases(
  watcher: pg.Client,
  { single, engineMs, addedP50 }: Pick<Scenario, "single" | "engineMs"> & Pick<Figures, "addedP50">,
): Promise<string> {
  const median = (from: string, to: string) =>
    `percentile_cont(0.5) within group (order by 1000 * extract(epoch from ${to} - ${from})::float8)`;
  const { rows } = await watcher.query<{ claimed: number; drawn: number }>(
    `select ${median("created_at", "started_at")} as claimed, ${median("started_at", "finished_at")} as drawn
     from (select * from tasks order by id desc limit $1) last`,
    [single],
  );
  const [claimed, drawn] = [rows[0]!.claimed, rows[0]!.drawn - engineMs];
  const parts = [claimed, drawn, addedP50 - claimed - drawn].map((ms) => ms.toFixed(1));
  return `until claimed ${parts[0]} ms, until recorded ${parts[1]} ms without the engine, the rest ${parts[2]} ms`;
}

/** One line of figures for a table in Markdown; without figures its head. */
export function line(figures?: Figures): string {
  if (!figures) {
    return [
      "| workers | engine, ms | tasks/s | claims a task, full queue | statements a task, full queue | claims a task | statements a task | added p50, ms | added p99, ms | processor ms a task: PostgreSQL, statements | PostgreSQL, NOTIFY | API servers | workers | idle statements/s | connections |",
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ].join("\n");
  }
  const cells = Object.values(figures).map((value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(0)));
  return `| ${cells.join(" | ")} |`;
}

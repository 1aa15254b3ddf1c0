/** Processor time of processes on this machine, as Linux counts it. */

import { readFileSync } from "node:fs";
import pg from "pg";

/** Ticks of /proc: Linux tells 100 a second, whatever its own clock. */
const TICK_MS = 10;

/** What a process has used so far, in milliseconds; 0 for one that is gone. */
function processorMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return (user! + system!) * TICK_MS;
  } catch {
    return 0;
  }
}

/** Groups of processes by what they are: `PostgreSQL` and others. */
export type Groups = Readonly<Record<string, readonly number[]>>;

/** The processes of the PostgreSQL behind an address, on this machine: those that wait for NOTIFY, and all others that are there now. */
export async function postgresProcesses(url: string): Promise<{ listeners: number[]; statements: number[] }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number; listens: boolean }>(
    `select pid, coalesce(query ilike 'listen %' or query = 'select 1', false) as listens
     from pg_stat_activity where pid <> pg_backend_pid()`,
  );
  await client.end();
  const pids = (listens: boolean) => rows.filter((row) => row.listens === listens).map(({ pid }) => pid);
  return { listeners: pids(true), statements: pids(false) };
}

/** Begins to count; the function that is returned tells what each group has used since, in milliseconds. */
export function countProcessorTime(groups: Groups): () => Readonly<Record<string, number>> {
  const sums = () =>
    Object.entries(groups).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + processorMs(pid), 0)] as const);
  const before = new Map(sums());
  return () => Object.fromEntries(sums().map(([name, now]) => [name, now - before.get(name)!]));
}

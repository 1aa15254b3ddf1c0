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

/** The processes of the PostgreSQL behind an address, on this machine; those of connections that are open now. */
export async function postgresProcesses(url: string): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(
    "select pid from pg_stat_activity where pid <> pg_backend_pid()",
  );
  await client.end();
  return rows.map(({ pid }) => pid);
}

/** Begins to count; the function that is returned tells what each group has used since, in milliseconds. */
export function countProcessorTime(groups: Groups): () => Readonly<Record<string, number>> {
  const sums = () =>
    Object.entries(groups).map(([name, pids]) => [name, pids.reduce((sum, pid) => sum + processorMs(pid), 0)] as const);
  const before = new Map(sums());
  return () => Object.fromEntries(sums().map(([name, now]) => [name, now - before.get(name)!]));
}

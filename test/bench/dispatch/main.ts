/**
 * `npm run bench:dispatch [-- --workers 1,4,16,64 --servers 4 --engine 1,500]`: what it costs to bring tasks to workers and their
 * results back, on a PostgreSQL of its own, with a stand-in engine. BENCH_STATEMENTS=1 lists the statements that were run,
 * BENCH_PHASES=1 how long the phases of a task take.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openDatabase } from "../../../src/server/database/index.ts";
import { createTaskService, openPresence, openSignals } from "../../../src/server/tasks/index.ts";
import { createCluster } from "../../support/postgres-cluster.ts";
import { aTask } from "../../support/tasks.ts";
import { ACCEPT_HEAD, accept } from "./accept.ts";
import { line, measure } from "./measure.ts";
import type { HostSettings } from "./worker-host.ts";

const WORKER_HOST = fileURLToPath(new URL("./worker-host.ts", import.meta.url));
/** Each counts as a process of its own, with its own connections; more in one would wait for its thread. */
const WORKERS_IN_A_PROCESS = 16;

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "1,4,16,64" },
    servers: { type: "string", default: "4" },
    engine: { type: "string", default: "1,500" },
    tasks: { type: "string", default: "400" },
    idle: { type: "string", default: "20" },
    accept: { type: "string", default: "4000" },
    request: { type: "string", default: "1,20" },
  },
});
const numbers = (text: string) => text.split(",").filter(Boolean).map(Number);

const cluster = await createCluster([
  "shared_preload_libraries=pg_stat_statements",
  "max_connections=1000",
  "pg_stat_statements.track_utility=on",
]);
try {
  console.log(line());
  for (const engineMs of numbers(values.engine)) {
    for (const workers of numbers(values.workers)) await run(workers, engineMs);
  }
  console.log(`\n${ACCEPT_HEAD}`);
  for (const tasksARequest of numbers(values.request)) {
    const tasks = Number(values.accept);
    console.log(await accept(cluster.url, { servers: Number(values.servers), connections: 16, tasks, tasksARequest }));
  }
} finally {
  await cluster.remove();
}

async function run(workers: number, engineMs: number): Promise<void> {
  const servers = await Promise.all(Array.from({ length: Number(values.servers) }, (_, i) => startServer(`api-${i}`)));
  const names = Array.from({ length: workers }, (_, i) => `worker-${i}`);
  const hosts: ChildProcess[] = [];
  for (let i = 0; i < workers; i += WORKERS_IN_A_PROCESS) {
    hosts.push(await startHost({ url: cluster.url, names: names.slice(i, i + WORKERS_IN_A_PROCESS), engineMs }));
  }
  let next = 0;
  const slow = engineMs > 100;
  const figures = await measure(
    { task: () => servers[next++ % servers.length]!.task() },
    {
      url: cluster.url,
      workers,
      engineMs,
      full: slow ? 6 * workers : Number(values.tasks),
      single: slow ? 12 + 2 * workers : 200,
      idleSeconds: Number(values.idle),
      processes: { servers: [process.pid], workers: hosts.map(({ pid }) => pid!) },
      claim: /^\s*update tasks t\s+set state = \S+ attempt = attempt/,
    },
  );
  console.log(line(figures));
  for (const host of hosts) host.kill("SIGKILL");
  for (const server of servers) await server.close();
}

async function startHost(settings: HostSettings): Promise<ChildProcess> {
  const child = fork(WORKER_HOST, [JSON.stringify(settings)], { execArgv: [] });
  await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the workers ended with ${code}`)));
  });
  return child;
}

async function startServer(processName: string) {
  const db = await openDatabase({ url: cluster.url });
  const signals = await openSignals({ db, processName });
  const presence = await openPresence({ db, signals });
  const service = createTaskService({ db, signals, presence, maxQueued: 100_000 });
  return {
    async task() {
      const outcome = await service.submit("bench", aTask({ numberResults: 1 }));
      if (outcome.kind === "accepted") await service.waitForFinal("bench", outcome.record);
    },
    async close() {
      service.close();
      await presence.close();
      await signals.close();
      await db.close();
    },
  };
}

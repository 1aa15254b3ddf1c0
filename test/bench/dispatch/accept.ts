/** How many tasks API servers take in a second, each a process with its own connections, over HTTP, and where the processor's time goes. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../../../src/server/database/index.ts";
import { openPresence, openSignals } from "../../../src/server/tasks/index.ts";
import { startServerProcess } from "../../support/server-process.ts";
import type { ClientSettings } from "./client.ts";
import { countProcessorTime, postgresProcesses } from "./processor-time.ts";

const CLIENT = fileURLToPath(new URL("./client.ts", import.meta.url));
const MODEL = {
  air: "runware:108@1",
  aliases: [],
  category: "checkpoint",
  name: "Stand-in",
  version: "",
  architecture: "",
  tags: [],
};

export interface AcceptScene {
  readonly servers: number;
  /** Connections of clients to each server. */
  readonly connections: number;
  readonly tasks: number;
  readonly tasksARequest: number;
}

export const ACCEPT_HEAD = [
  "| API servers | tasks a request | tasks taken a second | reply p50, p99, ms | processor ms a task: PostgreSQL | API servers | clients |",
  "|---|---|---|---|---|---|---|",
].join("\n");

/** Runs one scene and tells its line of the table. Nobody draws: a worker that rests says what models there are. */
export async function accept(
  url: string,
  { servers: count, connections, tasks, tasksARequest }: AcceptScene,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-accept-"));
  const db = await openDatabase({ url, maxConnections: 1 });
  const signals = await openSignals({ db, processName: "bench" });
  const offers = async () => ({ names: [MODEL.air], catalogue: JSON.stringify([MODEL]) });
  const presence = await openPresence({ db, signals, offers });
  await db.query("truncate tasks, belongings cascade"); // the images of each scene lie in a folder of its own
  const execArgv = process.env.BENCH_PROFILE ? ["--cpu-prof", `--cpu-prof-dir=${process.env.BENCH_PROFILE}`] : [];
  const servers = await Promise.all(
    Array.from({ length: count }, () =>
      startServerProcess(
        folder,
        {
          INKSTONE_ROLE: "api",
          INKSTONE_DATABASE_URL: url,
          INKSTONE_MAX_QUEUE: "1000000",
          INKSTONE_QUEUE_SHARE: "1",
          INKSTONE_LOG_LEVEL: "info",
        },
        { execArgv },
      ),
    ),
  );
  const addresses = await Promise.all(servers.map(({ ready }) => ready));
  const requests = Math.ceil(tasks / tasksARequest / connections / count);
  const settings: ClientSettings = { servers: addresses, connections, requests, tasksARequest };
  const client = fork(CLIENT, [JSON.stringify(settings)], { execArgv: [] });
  try {
    await once(client, "message");
    await ask(client, "warm");
    const used = countProcessorTime({
      PostgreSQL: Object.values(await postgresProcesses(url)).flat(),
      servers: servers.map(({ child }) => child.pid!),
      clients: [client.pid!],
    });
    const { seconds, times } = await ask(client, "go");
    const done = requests * tasksARequest * connections * count;
    const each = (ms: number) => (ms / done).toFixed(2);
    const { PostgreSQL, servers: ofServers, clients } = used();
    const at = (share: number) => times[Math.floor(times.length * share)]!.toFixed(0);
    return `| ${count} | ${tasksARequest} | ${(done / seconds).toFixed(0)} | ${at(0.5)}, ${at(0.99)} | ${each(PostgreSQL!)} | ${each(ofServers!)} | ${each(clients!)} |`;
  } finally {
    client.kill();
    for (const { child, exited } of servers) {
      child.kill("SIGTERM");
      await exited;
    }
    await presence.close();
    await signals.close();
    await db.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ask(client: ChildProcess, what: "warm" | "go"): Promise<{ seconds: number; times: number[] }> {
  client.send(what);
  const [answer] = await once(client, "message");
  return answer;
}

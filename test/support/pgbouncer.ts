/** A real PgBouncer before a cluster, which lends connections by the transaction. Needs Debian's package `pgbouncer`, or INKSTONE_TEST_PGBOUNCER names its program. */

import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { postgresUser } from "./postgres-cluster.ts";

const PROGRAM = process.env.INKSTONE_TEST_PGBOUNCER ?? "/usr/sbin/pgbouncer";

export const NO_PGBOUNCER = existsSync(PROGRAM) ? undefined : "PgBouncer is not installed";

/** Whether it can keep prepared statements: from version 1.21 on. */
export function keepsPrepared(): boolean {
  const [, major, minor] = /PgBouncer (\d+)\.(\d+)/.exec(execFileSync(PROGRAM, ["--version"]).toString())!;
  return Number(major) > 1 || Number(minor) >= 21;
}

/** @param settings lines of its configuration */
export async function startPgbouncer(url: string, settings: readonly string[] = []) {
  const { hostname, port: target, username, pathname } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), "inkstone-bouncer-"));
  const user = process.getuid?.() === 0 ? postgresUser() : undefined;
  const port = await freePort();
  const database = pathname.slice(1);
  const lines = [
    "[databases]",
    `${database} = host=${hostname} port=${target} dbname=${database} user=${username}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = any",
    "pool_mode = transaction",
    ...settings,
  ];
  const config = join(folder, "pgbouncer.ini");
  writeFileSync(config, `${lines.join("\n")}\n`);
  if (user) for (const path of [folder, config]) chownSync(path, user.uid, user.gid);
  const child = spawn(PROGRAM, ["-q", config], { ...user, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries > 200) throw new Error("PgBouncer did not start within 10 s");
    await sleep(50);
  }
  return {
    url: `postgres://${username}@127.0.0.1:${port}/${database}`,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A PostgreSQL server of a test's own, that it may stop and start. Needs PostgreSQL's binaries, as Debian installs them. */

import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = "/usr/lib/postgresql";

/** Folder of the newest installed binaries. */
const binaries = existsSync(ROOT)
  ? readdirSync(ROOT)
      .filter((version) => existsSync(join(ROOT, version, "bin", "initdb")))
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(ROOT, version, "bin"))[0]
  : undefined;

export const NO_POSTGRES = binaries === undefined ? "no PostgreSQL binaries are installed" : undefined;

export type PostgresCluster = Awaited<ReturnType<typeof createCluster>>;

/**
 * Makes and starts a cluster in a temporary folder, with settings as `postgres -c` takes them. PostgreSQL refuses to run as root,
 * so root lends it another user.
 */
export async function createCluster(settings: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "inkstone-pg-"));
  const user = process.getuid?.() === 0 ? postgresUser() : undefined;
  if (user) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const port = await freePort();
  const call = (program: string, ...args: string[]) =>
    run(join(binaries!, program), args, { cwd: folder, ...user, env: { ...process.env, LC_ALL: "C" } });

  await call("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync");
  const chosen = ["fsync=off", ...settings].map((setting) => `-c ${setting}`).join(" ");
  const options = `-p ${port} -h 127.0.0.1 -k ${folder} ${chosen}`;
  const start = () => call("pg_ctl", "-D", data, "-o", options, "-l", join(folder, "log"), "-w", "start");
  const stop = (mode: "fast" | "immediate") => call("pg_ctl", "-D", data, "-m", mode, "-w", "stop");
  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start,
    /** `fast` ends connections in good order; `immediate` is a crash. */
    stop,
    async remove() {
      await stop("immediate").catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Who runs PostgreSQL's programs for root. */
export function postgresUser(): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"]).toString());
  return { uid: id("-u"), gid: id("-g") };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

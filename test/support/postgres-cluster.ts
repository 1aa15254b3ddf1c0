/** A PostgreSQL server of a test's own, that it may stop and start. Needs PostgreSQL's binaries, as Debian installs them. */

import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";

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
  const log = join(folder, "log");
  const call = (program: string, ...args: string[]) =>
    run(join(binaries!, program), args, { cwd: folder, ...user, env: { ...process.env, LC_ALL: "C" } });

  await call("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync");
  const chosen = ["fsync=off", ...settings].map((setting) => `-c ${setting}`).join(" ");
  const startAt = (port: number) =>
    call("pg_ctl", "-D", data, "-o", `-p ${port} -h 127.0.0.1 -k ${folder} ${chosen}`, "-l", log, "-w", "start");
  const stop = (mode: "fast" | "immediate") => call("pg_ctl", "-D", data, "-m", mode, "-w", "stop");
  const port = await firstFree(startAt, async () => (await readFile(log, "utf8")).includes("could not bind"));
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start: () => startAt(port),
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

/** Starts on a port that nobody holds; on another one where somebody was faster. */
async function firstFree(start: (port: number) => Promise<unknown>, wasTaken: () => Promise<boolean>): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    try {
      await start(port);
      return port;
    } catch (error) {
      if (tries === 10 || !(await wasTaken())) throw error;
    }
  }
}

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Another running process has the folder open. */
export class DataDirLockedError extends Error {
  override readonly name = "DataDirLockedError";
}

interface Holder {
  readonly pid: number;
  /** Distinguishes a process from a later one with the same PID. Absent if the system does not report it. */
  readonly startTime?: string | undefined;
}

/**
 * Locks a folder with a file beside it, or throws a DataDirLockedError that names the holder. Every process first
 * writes a lock file with its own name and then looks for others. Of two processes that start at once, at least one
 * sees the other, so both never hold the folder. They try again after a random pause. A file is removed only by its own
 * process or after the end of that process, never because of its age. Returns the function that releases the lock.
 */
export async function lockDataDir(dir: string, random: () => number = Math.random): Promise<() => Promise<void>> {
  const base = `${resolve(dir)}.lock.`;
  await mkdir(dir, { recursive: true });
  const me: Holder = { pid: process.pid, startTime: await processStartTime(process.pid) };
  for (let tries = 1; ; tries++) {
    const mine = base + randomUUID();
    await putDown(mine, me);
    const other = await findOther(base, mine);
    if (!other) return () => rm(mine, { force: true });
    await rm(mine, { force: true });
    if (tries === 4) {
      throw new DataDirLockedError(
        `${dir} is in use by process ${other.pid}. Only one server can use a data folder: stop that server, or choose another --data-dir.`,
      );
    }
    await sleep(20 + random() * 100 * tries);
  }
}

/** Written under another name first, so that no process reads an empty file. */
async function putDown(path: string, holder: Holder): Promise<void> {
  const draft = path.replace(".lock.", ".draft.");
  await writeFile(draft, JSON.stringify(holder), { flush: true });
  await rename(draft, path);
}

/** Returns a live holder other than `mine`. Removes the files of dead ones. */
async function findOther(base: string, mine: string): Promise<Holder | undefined> {
  for (const name of await readdir(dirname(base))) {
    const path = join(dirname(base), name);
    if (!path.startsWith(base) || path === mine) continue;
    const holder = await readHolder(path);
    if (holder && (await isAlive(holder))) return holder;
    await rm(path, { force: true });
  }
  return undefined;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof holder === "object" && holder !== null && "pid" in holder ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // alive, under another user
  }
  if (holder.startTime === undefined) return true;
  const startTime = await processStartTime(holder.pid);
  return startTime === undefined || startTime === holder.startTime;
}

/** The start time of a process as an opaque string; undefined if the system does not report it. */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
      // The name of the command may contain blanks and brackets, so fields count from the last bracket. Field 22 is the
      // start time.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return `${boot.trim()}:${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  if (process.platform === "darwin") {
    return new Promise((resolve) => {
      execFile("ps", ["-o", "lstart=", "-p", String(pid)], (error, stdout) =>
        resolve(error ? undefined : stdout.trim()),
      );
    });
  }
  return undefined;
}

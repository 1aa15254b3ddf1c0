import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { processStartTime } from "./process-start-time.ts";

/** Another living process has the folder open. */
export class DataDirLockedError extends Error {
  override readonly name = "DataDirLockedError";
}

interface Holder {
  readonly pid: number;
  /** Tells a process from a later one with the same PID; absent where the system does not say. */
  readonly startTime?: string | undefined;
}

/**
 * Takes `<dir>.lock`, beside the folder, or throws a DataDirLockedError that names the holder. A lock is taken over only
 * when the process that wrote it is gone, never because it is old. Returns the function that gives it back.
 */
export async function lockDataDir(dir: string): Promise<() => Promise<void>> {
  const path = `${dir.replace(/\/+$/, "")}.lock`;
  await mkdir(dir, { recursive: true });
  const me: Holder = { pid: process.pid, startTime: await processStartTime(process.pid) };
  for (let tries = 0; tries < 5; tries++) {
    if (await tryCreate(path, me)) return () => rm(path, { force: true });
    const holder = await readHolder(path);
    if (holder && (await isAlive(holder))) {
      throw new DataDirLockedError(
        `${dir} is in use by process ${holder.pid}. One server per data folder: stop that one, or choose another --data-dir. (Lock file: ${path})`,
      );
    }
    await removeDeadLock(path);
  }
  throw new DataDirLockedError(`${dir}: could not take the lock file ${path}, other processes keep taking it`);
}

/** Creates the lock with its text in one step (a hard link fails when the name is taken): it is never seen empty. */
async function tryCreate(path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}.${process.pid}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(holder), { flush: true });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof holder === "object" && holder !== null && "pid" in holder ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** Moves the lock aside first: of two that found it dead, the slower may have caught the faster's new one, and puts it back. */
async function removeDeadLock(path: string): Promise<void> {
  const aside = `${path}.${process.pid}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  const holder = await readHolder(aside);
  if (holder && (await isAlive(holder))) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return isCode(error, "EPERM"); // it lives, under another user
  }
  if (holder.startTime === undefined) return true;
  const startTime = await processStartTime(holder.pid);
  return startTime === undefined || startTime === holder.startTime;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

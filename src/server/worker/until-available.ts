import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError } from "../database/index.ts";
import { StorageUnavailableError } from "../storage/index.ts";

export interface Patience {
  /** Called before each further attempt. */
  onWait(error: unknown): void;
  readonly signal: AbortSignal;
}

/** True if an error is temporary: the disk is full, the database is unreachable. */
const isOutage = (error: unknown): boolean =>
  error instanceof StorageUnavailableError || error instanceof DatabaseUnavailableError;

/**
 * Repeats `work` with pauses from 0.2 to 5 s until it succeeds, or fails for another reason than an outage. A finished
 * image stays in memory while the disk is full or the database restarts, so that it is not generated again.
 */
export async function untilAvailable<T>(work: () => Promise<T>, { onWait, signal }: Patience): Promise<T> {
  for (let pause = 200; ; pause = Math.min(pause * 2, 5_000)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isOutage(error)) throw error;
      onWait(error);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }
}

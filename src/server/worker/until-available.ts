import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError } from "../database/index.ts";
import { StorageUnavailableError } from "../storage/index.ts";

export interface Patience {
  /** Told before each further try. */
  onWait(error: unknown): void;
  readonly signal: AbortSignal;
}

/** Whether an error means "not now": the disk is full, the database is away. */
const isOutage = (error: unknown): boolean =>
  error instanceof StorageUnavailableError || error instanceof DatabaseUnavailableError;

/**
 * Does `work`, again and again with pauses from 0.2 to 5 s, until it succeeds or fails for another reason than an outage: a finished
 * picture is kept in memory while the disk is full or the database restarts, instead of being drawn again.
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

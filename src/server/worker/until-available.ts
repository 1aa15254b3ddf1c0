import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
  /** Whether an error means "not now": the disk is full, the database is away. */
  isPassing(error: unknown): boolean;
  /** Told before each further try. */
  onWait(error: unknown): void;
  readonly signal: AbortSignal;
}

/**
 * Does `work`, again and again with pauses from 0.2 to 5 s, until it succeeds or fails for a lasting reason: a finished
 * picture is kept in memory while the disk is full or the database restarts, instead of being drawn again.
 */
export async function untilAvailable<T>(work: () => Promise<T>, { isPassing, onWait, signal }: Patience): Promise<T> {
  for (let pause = 200; ; pause = Math.min(pause * 2, 5_000)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      onWait(error);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }
}

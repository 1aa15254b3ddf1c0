import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError } from "./database.ts";

/** The time to wait for a database. */
export interface Patience {
  readonly seconds: number;
  /** Called after every failed attempt, with the length of the next pause. */
  onWait?(error: Error, pauseSeconds: number): void;
  /** Aborting ends the wait. The promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const FIRST_PAUSE = 0.5;
const LONGEST_PAUSE = 5;

/**
 * Runs `work` as soon as the database is reachable.
 * @throws DatabaseUnavailableError if it stays unreachable; any other error at once
 */
export async function untilReachable<T>(work: () => Promise<T>, { seconds, onWait, signal }: Patience): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError)) throw error;
      const left = (end - performance.now()) / 1000;
      if (seconds === 0) throw error;
      if (left <= 0) {
        throw new DatabaseUnavailableError(`gave up after ${seconds} s: ${error.message}`, { cause: error });
      }
      const rest = Math.min(pause, left);
      onWait?.(error, rest);
      await sleep(rest * 1000, undefined, { signal }).catch(() => {});
      signal?.throwIfAborted();
    }
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnavailableError } from "./database.ts";

/** How long a database may take to be there. */
export interface Patience {
  readonly seconds: number;
  /** Told of every try that failed, and how long the pause after it is. */
  onWait?(error: Error, pauseSeconds: number): void;
  /** Aborting ends the waiting; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const FIRST_PAUSE = 0.5;
const LONGEST_PAUSE = 5;

/**
 * Does `work` as soon as the database can be reached.
 * @throws DatabaseUnavailableError when it cannot be for so long; what is no outage at once
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
        throw new DatabaseUnavailableError(`given up after ${seconds} s: ${error.message}`, { cause: error });
      }
      const rest = Math.min(pause, left);
      onWait?.(error, rest);
      await sleep(rest * 1000, undefined, { signal }).catch(() => {});
      signal?.throwIfAborted();
    }
  }
}

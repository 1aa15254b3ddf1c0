/** Runs work when a place is free. Rejects with the signal's reason if it is aborted before that. */
export type Semaphore = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** A semaphore of `limit` places. Further work waits in order of arrival. */
export function createSemaphore(limit: number): Semaphore {
  const waiting = new Set<() => void>();
  let free = limit;

  const place = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve, reject) => {
      const begin = () => {
        signal?.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.delete(begin);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      waiting.add(begin);
    });

  const passOn = () => {
    const [next] = waiting;
    if (next === undefined) {
      free++;
      return;
    }
    waiting.delete(next);
    next();
  };

  return async (work, signal) => {
    signal?.throwIfAborted();
    if (free > 0) free--;
    else await place(signal);
    try {
      return await work();
    } finally {
      passOn();
    }
  };
}

/** Frees what was opened. */
export type Free = () => Promise<void>;

/**
 * Calls all of them, even if some fail.
 * @throws the first error
 */
export async function freeAll(opened: readonly Free[]): Promise<void> {
  const results = await Promise.allSettled(opened.map(async (free) => free()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** A value that is made on first use. An error is not kept: the next call tries again. */
export interface Lazy<T> {
  get(): Promise<T>;
  /** Waits until a value that is being made is ready, or has failed. */
  settled(): Promise<void>;
  /** Passes the value, if one exists, to `release`. The next call of `get` makes another. */
  free(release: (value: T) => Promise<void>): Promise<void>;
}

/** Makes a lazy value. Concurrent callers of `get` share one call of `make`. */
export function lazy<T>(make: () => Promise<T>): Lazy<T> {
  let value: Promise<T> | undefined;
  return {
    get() {
      value ??= make().catch((error) => {
        value = undefined;
        throw error;
      });
      return value;
    },
    async settled() {
      await Promise.allSettled([value]);
    },
    async free(release) {
      const [settled] = await Promise.allSettled([value]);
      value = undefined;
      if (settled?.status === "fulfilled" && settled.value !== undefined) await release(settled.value);
    },
  };
}

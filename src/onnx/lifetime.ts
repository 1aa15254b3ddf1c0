/** Frees what was opened. */
export type Free = () => Promise<void>;

/**
 * Frees every one, whatever becomes of the others.
 * @throws the error of the first one that could not be freed
 */
export async function freeAll(opened: readonly Free[]): Promise<void> {
  const results = await Promise.allSettled(opened.map(async (free) => free()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** A value that is made when it is first asked for. A failure is not kept: the next call tries again. */
export interface Lazy<T> {
  get(): Promise<T>;
  /** Waits for a value that is being made, however that ends. */
  settled(): Promise<void>;
  /** Hands over the value, if there is one, to be freed; the next call makes another. */
  free(release: (value: T) => Promise<void>): Promise<void>;
}

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

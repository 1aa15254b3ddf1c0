/** A value that is made when it is first asked for. A failure is not kept: who asks next has it made anew. */
export interface Lazy<T> {
  get(): Promise<T>;
  /** Waits for a value that is being made, however that ends. */
  settled(): Promise<void>;
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
  };
}

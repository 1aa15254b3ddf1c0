/** Batches work: items that arrive while a batch runs go into the next one. */

export interface GatherOptions<Item, Result> {
  /** Processes a batch and returns one result per item, in order. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** Two items with the same name never share a batch. */
  nameOf(item: Item): string;
  /** Most items of a batch. */
  readonly most: number;
}

/**
 * Runs one batch at a time. A single item runs at once, and under load batches grow. Items keep their order, except
 * items whose name is already in the batch. If a batch of several items fails, each item is retried alone, so that one
 * item does not fail the others.
 */
export function gather<Item, Result>({ run, nameOf, most }: GatherOptions<Item, Result>) {
  interface Waiting extends PromiseWithResolvers<Result> {
    readonly item: Item;
  }
  let waiting: Waiting[] = [];
  let isRunning = false;

  function take(): Waiting[] {
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const names = new Set<string>();
    for (const one of waiting) {
      const name = nameOf(one.item);
      if (taken.length < most && !names.has(name)) taken.push(one);
      else left.push(one);
      names.add(name);
    }
    waiting = left;
    return taken;
  }

  async function go(taken: readonly Waiting[]): Promise<void> {
    try {
      const results = await run(taken.map(({ item }) => item));
      for (const [i, { resolve }] of taken.entries()) resolve(results[i]!);
    } catch (error) {
      if (taken.length === 1) taken[0]!.reject(error);
      else for (const one of taken) await go([one]);
    }
  }

  async function work(): Promise<void> {
    isRunning = true;
    while (waiting.length > 0) await go(take());
    isRunning = false;
  }

  return (item: Item): Promise<Result> => {
    const one = { item, ...Promise.withResolvers<Result>() };
    waiting.push(one);
    if (!isRunning) void work();
    return one.promise;
  };
}

/** Work that comes while the same kind of work is under way is done together in the next go. */

export interface GatherOptions<Item, Result> {
  /** Does all of them: one result each, in their order. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** Two of one name never go together. */
  nameOf(item: Item): string;
  /** Items of one go. */
  readonly most: number;
}

/**
 * One go at a time: what comes alone goes at once, and under load the goes grow by themselves. Items keep their order, but for those
 * whose name stands in a go already. When a go of several fails, each is tried alone: one item does not spoil the others'.
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

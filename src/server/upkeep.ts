/** A recurring task: run by one process per database, or `everywhere`. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly everywhere?: boolean;
  run(): Promise<unknown>;
}

export interface UpkeepOptions {
  /** True if this process runs the chores that need only one process. */
  mayRun(): boolean;
  onFailure(chore: string, error: unknown): void;
}

/**
 * Runs chores one at a time, each at its own interval, until the returned function is called. Failures are reported and
 * retried.
 */
export function startUpkeep(chores: readonly Chore[], { mayRun, onFailure }: UpkeepOptions): () => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  const timers = chores.map(({ name, everyMs, everywhere, run }) => {
    let waiting = false;
    return setInterval(() => {
      if (waiting || !(everywhere || mayRun())) return; // the last run is still waiting, or another process does it
      waiting = true;
      turn = turn
        .then(() => {
          waiting = false;
          return run();
        })
        .catch((error) => onFailure(name, error));
    }, everyMs);
  });
  return async () => {
    for (const timer of timers) clearInterval(timer);
    await turn;
  };
}

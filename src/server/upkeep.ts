/** Something to be done again and again: by one process on a database, or `everywhere`. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly everywhere?: boolean;
  run(): Promise<unknown>;
}

export interface UpkeepOptions {
  /** Whether this process does what one does for all. */
  mayRun(): boolean;
  onFailure(chore: string, error: unknown): void;
}

/** Does chores one at a time, each at its own interval, until the returned function is called. Failures are told and tried again. */
export function startUpkeep(chores: readonly Chore[], { mayRun, onFailure }: UpkeepOptions): () => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  const timers = chores.map(({ name, everyMs, everywhere, run }) => {
    let waiting = false;
    return setInterval(() => {
      if (waiting || !(everywhere || mayRun())) return; // it has not even begun since the last time, or another process does it
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

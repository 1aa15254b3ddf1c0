/** Something to be done again and again. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

/** Does chores one at a time, each at its own interval, until the returned function is called. Failures are told and tried again. */
export function startUpkeep(
  chores: readonly Chore[],
  onFailure: (chore: string, error: unknown) => void,
): () => Promise<void> {
  let turn: Promise<unknown> = Promise.resolve();
  const timers = chores.map(({ name, everyMs, run }) => {
    let waiting = false;
    return setInterval(() => {
      if (waiting) return; // it has not even begun since the last time
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

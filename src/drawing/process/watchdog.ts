/** Notices an engine that makes no progress. */
export interface Watchdog {
  /** Progress was made: the time begins anew. */
  feed(): void;
  stop(): void;
}

/** Calls `onSilence` once when it has not been fed for `milliseconds`. Begins at once. */
export function startWatchdog(milliseconds: number, onSilence: () => void): Watchdog {
  let timer = setTimeout(onSilence, milliseconds);
  return {
    feed() {
      clearTimeout(timer);
      timer = setTimeout(onSilence, milliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}

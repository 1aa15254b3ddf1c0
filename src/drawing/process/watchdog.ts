/** Notices an engine that makes no progress. */
export interface Watchdog {
  /** Reports progress: the time starts again. */
  feed(): void;
  stop(): void;
}

/** Calls `onSilence` once after `milliseconds` without `feed`. The time starts immediately. */
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

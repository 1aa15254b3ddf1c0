import { createBar } from "./bar.ts";
import { duration } from "./progress.ts";
import { type Terminal, tell } from "./terminal.ts";

/** Shows progress in bytes: a bar on a terminal, otherwise a line for each tenth. */
export interface ByteProgress {
  /** @param what the current work, in words */
  at(what: string, done: number, total: number): void;
  /** Removes the bar, so that other lines can be written. */
  end(): void;
}

/** @param now a monotonic clock in milliseconds */
export function byteProgress(terminal: Terminal, now: () => number = () => performance.now()): ByteProgress {
  const start = now();
  const describe = (what: string, done: number, total: number) => {
    const seconds = (now() - start) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const left = seconds > 1 && done > 0 && done < total ? [`${duration((total - done) / rate)} left`] : [];
    return [`${what}: ${gigabytes(done)} of ${gigabytes(total)}`, ...left, `${(rate / 1e6).toFixed(0)} MB/s`];
  };
  return terminal.stderr.isTTY ? bar(terminal, describe) : lines(terminal, describe);
}

/** Returns the labels, most important first. */
type Describe = (what: string, done: number, total: number) => string[];

function bar(terminal: Terminal, describe: Describe): ByteProgress {
  const shown = createBar(terminal, 10);
  return {
    at: (what, done, total) => shown.show(total === 0 ? 1 : done / total, describe(what, done, total)),
    end: shown.end,
  };
}

function lines(terminal: Terminal, describe: Describe): ByteProgress {
  let last = "";
  return {
    at(what, done, total) {
      const tenth = `${what} ${total === 0 ? 10 : Math.floor((10 * done) / total)}`;
      if (tenth !== last) tell(terminal, describe(what, done, total).join(", "));
      last = tenth;
    },
    end() {},
  };
}

function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

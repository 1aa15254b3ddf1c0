import { createBar } from "./bar.ts";
import { duration } from "./progress.ts";
import { type Terminal, tell } from "./terminal.ts";

/** Shows progress in bytes: a bar on a terminal, otherwise a line for each tenth. */
export interface ByteProgress {
  /**
   * @param what the current work, in words
   * @param kept bytes of `done` that an earlier run finished; default 0
   */
  at(what: string, done: number, total: number, kept?: number): void;
  /** Removes the bar, so that other lines can be written. */
  end(): void;
}

/** @param now a monotonic clock in milliseconds; the rate counts from here */
export function byteProgress(terminal: Terminal, now: () => number = () => performance.now()): ByteProgress {
  const start = now();
  const describe = (what: string, done: number, total: number, kept: number) => {
    const seconds = (now() - start) / 1000;
    const rate = seconds > 0 ? (done - kept) / seconds : 0;
    const left = seconds > 1 && rate > 0 && done < total ? [`${duration((total - done) / rate)} left`] : [];
    return [`${what}: ${inWords(done)} of ${inWords(total)}`, ...left, `${(rate / 1e6).toFixed(0)} MB/s`];
  };
  return terminal.stderr.isTTY ? bar(terminal, describe) : lines(terminal, describe);
}

/** Shows the download of one file after the other. Each has its own rate, without the bytes of an earlier run. */
export function downloadProgress(terminal: Terminal): ByteProgress {
  let current: (ByteProgress & { readonly what: string; readonly kept: number }) | undefined;
  const end = () => current?.end();
  return {
    at(what, done, total) {
      if (current?.what !== what) {
        end();
        current = { ...byteProgress(terminal), what, kept: done };
      }
      current.at(what, done, total, current.kept);
    },
    end,
  };
}

/** Returns the labels, most important first. */
type Describe = (what: string, done: number, total: number, kept: number) => string[];

function bar(terminal: Terminal, describe: Describe): ByteProgress {
  const shown = createBar(terminal, 10);
  return {
    at: (what, done, total, kept = 0) => shown.show(total === 0 ? 1 : done / total, describe(what, done, total, kept)),
    end: shown.end,
  };
}

function lines(terminal: Terminal, describe: Describe): ByteProgress {
  let last = "";
  return {
    at(what, done, total, kept = 0) {
      const tenth = `${what} ${total === 0 ? 10 : Math.floor((10 * done) / total)}`;
      if (tenth !== last) tell(terminal, describe(what, done, total, kept).join(", "));
      last = tenth;
    },
    end() {},
  };
}

function inWords(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

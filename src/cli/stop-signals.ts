import { setImmediate as turn } from "node:timers/promises";
import { Stopped } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
type Signal = (typeof SIGNALS)[number];

/** Milliseconds in which further signals are the same key press: under npm it comes from the terminal and once more from npm. */
export const SAME_PRESS_MS = 300;

/** Between two looks at whether the parent is still there. */
const PARENT_MS = 250;

/**
 * Listens for requests to stop: the first one aborts `signal`, a later one ends the process or does what `onStopAgain` was given.
 * @param source where signals come from
 * @param now milliseconds
 */
export function listenForStop(
  source: Pick<NodeJS.EventEmitter, "on"> = process,
  now: () => number = performance.now.bind(performance),
): Pick<Terminal, "signal" | "onStopAgain"> {
  const stop = new AbortController();
  let first: number | undefined;
  let again: (name: Signal) => void = endNow;
  const hear = (name: Signal) => {
    first ??= now();
    stop.abort(new Stopped(name)); // of several, the first one stays the reason
    if (now() - first > SAME_PRESS_MS) again(name);
  };
  for (const name of SIGNALS) source.on(name, hear);
  if (process.env.npm_lifecycle_event !== undefined) stopWithParent(() => hear("SIGTERM"));
  return {
    signal: stop.signal,
    onStopAgain(action) {
      again = action;
    },
  };
}

/**
 * npm hands SIGTERM to the shell between it and its scripts, and the shell dies of it without handing it on; SIGKILL reaches nobody.
 * What a script started then lives on with another parent: it stops as it does on SIGTERM.
 */
function stopWithParent(stop: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, PARENT_MS);
  watch.unref();
}

/** Two turns of the event loop: one of them passes where Node looks for signals, so Ctrl-C is seen before more is computed. */
export async function letSignalsIn(): Promise<void> {
  await turn();
  await turn();
}

/** Dies of the signal, which shells tell as 130 or 143; `process.exit` alone would wait for a thread that reads from a pipe. */
function endNow(name: Signal): void {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
  process.exit(new Stopped(name).exitCode); // the first process of a container does not die of signals
}

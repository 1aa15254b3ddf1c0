import { setImmediate as turn } from "node:timers/promises";
import { Stopped } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
type Signal = (typeof SIGNALS)[number];

/**
 * Milliseconds during which further signals count as the same key press. Under npm, a process receives Ctrl-C from the
 * terminal and again from npm.
 */
export const SAME_PRESS_MS = 300;

/** Milliseconds between two checks of the parent process. */
const PARENT_MS = 250;

/**
 * Listens for requests to stop. The first one aborts `signal`. A later one ends the process, or calls the action of
 * `onStopAgain`.
 * @param source the emitter of signals
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
    stop.abort(new Stopped(name)); // The first of several signals is the reason.
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
 * npm sends SIGTERM to the shell between it and its scripts. The shell dies of it and does not forward it; a SIGKILL is
 * never forwarded. The script then lives on with another parent, so it stops as it does on SIGTERM.
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

/**
 * Waits for two turns of the event loop. Node checks for signals in one of them, so Ctrl-C is noticed before the next
 * computation.
 */
export async function letSignalsIn(): Promise<void> {
  await turn();
  await turn();
}

/**
 * Dies of the signal, which shells report as 130 or 143. `process.exit` alone would wait for a thread that reads from a
 * pipe.
 */
function endNow(name: Signal): void {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
  process.exit(new Stopped(name).exitCode); // The first process of a container does not die of signals.
}

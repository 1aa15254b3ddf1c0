/**
 * A clock that another process moves on: stands in for `Date`, which the embedded database reads too, and for timers of a second or more. To be
 * imported before anything else. Shorter timers run in real time.
 */

const LONG_MS = 1_000;

const RealDate = Date;
const begun = RealDate.now();
let passed = 0;
const now = () => begun + passed;

globalThis.Date = new Proxy(RealDate, {
  construct: (date, args) => Reflect.construct(date, args.length === 0 ? [now()] : args) as object,
  get: (date, key) => (key === "now" ? now : Reflect.get(date, key)),
});

interface LongTimer {
  at: number;
  readonly everyMs: number | undefined;
  readonly ms: number;
  run(): void;
}

const long = new Map<object, LongTimer>();

type Callback = (...args: unknown[]) => void;

function substitute<Timer extends (run: Callback, ms?: number, ...args: unknown[]) => object>(
  real: Timer,
  again: boolean,
) {
  return (run: Callback, ms = 0, ...args: unknown[]) => {
    if (!(ms >= LONG_MS)) return real(run, ms, ...args);
    const timer = {
      ref: () => timer,
      unref: () => timer,
      hasRef: () => true,
      refresh() {
        const known = long.get(timer);
        if (known) known.at = passed + ms;
        return timer;
      },
      close: () => void long.delete(timer),
      [Symbol.dispose]: () => void long.delete(timer),
    };
    long.set(timer, { at: passed + ms, everyMs: again ? ms : undefined, ms, run: () => run(...args) });
    return timer;
  };
}

function clearBy(real: (timer?: never) => void) {
  return (timer?: unknown) => {
    if (typeof timer !== "object" || timer === null || !long.delete(timer)) real(timer as never);
  };
}

Object.assign(globalThis, {
  setTimeout: Object.assign(substitute(setTimeout as never, false), { ...setTimeout }),
  setInterval: substitute(setInterval as never, true),
  clearTimeout: clearBy(clearTimeout),
  clearInterval: clearBy(clearInterval),
});

/** Moves the clock on, and runs what has become due, the earliest first. */
export function advance(ms: number): void {
  passed += ms;
  const due = [...long].filter(([, { at }]) => at <= passed).sort(([, a], [, b]) => a.at - b.at);
  for (const [key, timer] of due) {
    if (!long.has(key)) continue;
    if (timer.everyMs === undefined) long.delete(key);
    else timer.at = passed + timer.everyMs;
    timer.run();
  }
}

/** Timers of this clock that wait. */
export const waitingTimers = (): number => long.size;

import type { Later } from "../../src/server/http/later.ts";

export interface HandClock {
  /** The port to hand in. */
  readonly later: Later;
  /** Lets so many seconds pass; what is due by then happens, the earliest first. */
  pass(seconds: number): void;
  /** Whether something is due in exactly so many seconds. */
  isDueIn(seconds: number): boolean;
}

/** A clock that stands still until a test lets time pass. */
export function handClock(): HandClock {
  const waiting = new Map<object, { readonly at: number; work(): void }>();
  let now = 0;
  return {
    later: (seconds, work) => {
      const key = {};
      waiting.set(key, { at: now + seconds, work });
      return () => void waiting.delete(key);
    },
    pass: (seconds) => {
      const until = now + seconds;
      for (;;) {
        const [next] = [...waiting].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at);
        if (next === undefined) break;
        const [key, { at, work }] = next;
        waiting.delete(key);
        now = at;
        work();
      }
      now = until;
    },
    isDueIn: (seconds) => [...waiting.values()].some(({ at }) => at === now + seconds),
  };
}

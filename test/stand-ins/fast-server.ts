/** The real server with the stand-in engine and a clock that its parent moves on. Tells how it stands when asked. */

import { advance, waitingTimers } from "./clock.ts";

/** What the parent says. */
export type ToServer = { readonly advanceMs: number } | { readonly measure: number };

/** The clock has moved. */
export interface Moved {
  readonly movedMs: number;
}

/** How the process stands. */
export interface Measures {
  readonly measure: number;
  /** After a collection. */
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly timers: number;
  /** Processor time of all its threads so far. */
  readonly cpuSeconds: number;
}

process.on("message", (message: ToServer) => {
  if ("advanceMs" in message) {
    advance(message.advanceMs);
    // What has become due is begun before the clock moves again.
    setImmediate(() => process.send?.({ movedMs: message.advanceMs } satisfies Moved));
    return;
  }
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const timers = waitingTimers() + process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const { user, system } = process.cpuUsage();
  const measures: Measures = {
    measure: message.measure,
    heapBytes: heapUsed + external,
    residentBytes: rss,
    timers,
    cpuSeconds: (user + system) / 1e6,
  };
  process.send?.(measures);
});
await import("./server.ts");

/** The real server with the stand-in engine and a clock that its parent moves on. Tells how it stands when asked. */

import { advance, waitingTimers } from "./clock.ts";

/** What the parent says. */
export type ToServer = { readonly advanceMs: number } | { readonly measure: number };

/** How the process stands. */
export interface Measures {
  readonly measure: number;
  /** After a collection. */
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly timers: number;
}

process.on("message", (message: ToServer) => {
  if ("advanceMs" in message) return advance(message.advanceMs);
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const timers = waitingTimers() + process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const measures: Measures = { measure: message.measure, heapBytes: heapUsed + external, residentBytes: rss, timers };
  process.send?.(measures);
});
await import("./server.ts");

import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { exitOf } from "./exit.ts";
import { listenForStop } from "./stop-signals.ts";

function listening() {
  const source = new EventEmitter();
  let now = 10_000;
  const { signal, onStopAgain } = listenForStop(source, () => now);
  const again: string[] = [];
  onStopAgain(() => void again.push("again"));
  // Node calls listeners with the signal's name.
  const hear = (name: NodeJS.Signals, afterMs = 0) => {
    now += afterMs;
    source.emit(name, name);
  };
  return { signal, again, hear };
}

test("the first signal requests the stop, and stays the reason", () => {
  const { signal, again, hear } = listening();
  expect(signal.aborted).toBe(false);
  hear("SIGTERM");
  hear("SIGINT", 5_000);
  expect(exitOf(signal.reason).code).toBe(143);
  expect(again).toEqual(["again"]);
});

test("signals within 0.3 s count as one key press, as npm forwards it; a later one is another", () => {
  const { again, hear } = listening();
  hear("SIGINT");
  hear("SIGINT", 100);
  hear("SIGTERM", 200);
  expect(again).toEqual([]);
  hear("SIGINT", 1);
  expect(again).toEqual(["again"]);
});

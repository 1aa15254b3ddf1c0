import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startWatchdog } from "./watchdog.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("silence is reported once, the given time after the last progress", () => {
  const onSilence = vi.fn();
  const watchdog = startWatchdog(1000, onSilence);
  for (let step = 0; step < 5; step++) {
    vi.advanceTimersByTime(999);
    watchdog.feed();
  }
  expect(onSilence).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  vi.advanceTimersByTime(10_000);
  expect(onSilence).toHaveBeenCalledTimes(1);
});

test("a stopped watchdog reports nothing", () => {
  const onSilence = vi.fn();
  startWatchdog(1000, onSilence).stop();
  vi.advanceTimersByTime(10_000);
  expect(onSilence).not.toHaveBeenCalled();
});

import { expect, test } from "vitest";
import { nextAttempt, PAUSES, readRetryAfter } from "./schedule.ts";

const never = () => 0;

test("webhooks are tried eleven times over more than a day, the first times within a minute", () => {
  const waits = PAUSES.map((_, i) => nextAttempt({ kind: "webhook", attempts: i + 1, status: 500 }, never));
  expect(waits.every((wait) => wait !== "give up")).toBe(true);
  expect(PAUSES.slice(0, 3).reduce((a, b) => a + b)).toBeLessThan(60);
  expect(PAUSES.reduce((a, b) => a + b)).toBeGreaterThan(24 * 3600);
  expect(nextAttempt({ kind: "webhook", attempts: PAUSES.length + 1, status: 500 }, never)).toBe("give up");
});

test("attempts vary by up to a fifth", () => {
  expect(nextAttempt({ kind: "webhook", attempts: 5 }, () => 0.999)).toEqual({
    retryInSeconds: expect.closeTo(1800 * 1.2, -1),
  });
});

test.each([
  ["webhook", 410, true],
  ["webhook", 404, false],
  ["webhook", 301, false],
  ["webhook", 429, false],
  ["upload", 403, true],
  ["upload", 301, true],
  ["upload", 429, false],
  ["upload", 408, false],
  ["upload", 503, false],
  ["upload", undefined, false],
] as const)("%s with the answer %s: final %s", (kind, status, final) => {
  const next = nextAttempt({ kind, attempts: 1, ...(status && { status }) }, never);
  expect(next === "give up").toBe(final);
});

test("a receiver can request a longer pause, up to a day, but not a shorter one", () => {
  const after = (retryAfterSeconds: number) =>
    nextAttempt({ kind: "webhook", attempts: 3, status: 429, retryAfterSeconds }, never);
  expect(after(100)).toEqual({ retryInSeconds: 100 });
  expect(after(1)).toEqual({ retryInSeconds: 40 });
  expect(after(1e9)).toEqual({ retryInSeconds: 86_400 });
});

test("Retry-After is a number of seconds or a date", () => {
  const now = new Date("2026-01-01T00:00:00Z");
  expect(readRetryAfter("120", now)).toBe(120);
  expect(readRetryAfter("Thu, 01 Jan 2026 00:01:00 GMT", now)).toBe(60);
  for (const bad of [undefined, "", "soon", "-5", "Thu, 01 Jan 2020 00:00:00 GMT"])
    expect(readRetryAfter(bad, now)).toBe(0);
});

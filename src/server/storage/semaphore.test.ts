import { setImmediate as soon } from "node:timers/promises";
import { expect, test } from "vitest";
import { createSemaphore } from "./semaphore.ts";

/** Work that is begun and ended by hand. */
function work() {
  const begun: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<number>>();
  const piece = (n: number) => () => {
    begun.push(n);
    const end = Promise.withResolvers<number>();
    ends.set(n, end);
    return end.promise;
  };
  return { begun, piece, end: (n: number) => ends.get(n)!.resolve(n), fail: (n: number) => ends.get(n)!.reject(n) };
}

test("runs a limited number at the same time, others in order of arrival; a failure makes room too", async () => {
  const limited = createSemaphore(2);
  const { begun, piece, end, fail } = work();
  const all = [0, 1, 2, 3, 4].map((n) => limited(piece(n)));
  await soon();
  expect(begun).toEqual([0, 1]);
  end(1);
  expect(await all[1]).toBe(1);
  await soon();
  expect(begun).toEqual([0, 1, 2]);
  fail(0);
  await expect(all[0]).rejects.toBe(0);
  await soon();
  expect(begun).toEqual([0, 1, 2, 3]);
  for (const n of [2, 3]) end(n);
  await soon();
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  end(4);
  expect(await Promise.all(all.slice(2))).toEqual([2, 3, 4]);
  const later = [5, 6, 7].map((n) => limited(piece(n)));
  await soon();
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const n of [5, 6]) end(n);
  await soon();
  end(7);
  await Promise.all(later);
});

test("an aborted caller leaves the queue and starts nothing", async () => {
  const limited = createSemaphore(1);
  const { begun, piece, end } = work();
  const abort = new AbortController();
  const first = limited(piece(0));
  const second = limited(piece(1), abort.signal);
  const third = limited(piece(2), new AbortController().signal);
  abort.abort(new Error("gone"));
  await expect(second).rejects.toThrow("gone");
  await expect(limited(piece(3), abort.signal)).rejects.toThrow("gone");
  end(0);
  await first;
  await soon();
  end(2);
  expect(await third).toBe(2);
  expect(begun).toEqual([0, 2]);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadedInUse } from "./networks.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Counts how often it is opened and released. */
function counted() {
  const count = { opened: 0, released: 0 };
  const open = async () => {
    count.opened++;
    return { release: async () => void count.released++ };
  };
  return { count, open };
}

test("a network is loaded on first use, kept during use, and unloaded after it", async () => {
  const { count, open } = counted();
  const network = loadedInUse(open, 1000);
  expect(count).toEqual({ opened: 0, released: 0 });
  for (let use = 0; use < 3; use++) {
    await network.use(async () => {});
    await vi.advanceTimersByTimeAsync(900);
  }
  expect(count).toEqual({ opened: 1, released: 0 });
  await vi.advanceTimersByTimeAsync(100);
  expect(count).toEqual({ opened: 1, released: 1 });
  await network.use(async () => {});
  expect(count).toEqual({ opened: 2, released: 1 });
  await network.unload();
  expect(count).toEqual({ opened: 2, released: 2 });
  await vi.advanceTimersByTimeAsync(2000);
  expect(count).toEqual({ opened: 2, released: 2 });
});

test("a network is not unloaded during long work, nor while one of two users remains", async () => {
  const { count, open } = counted();
  const network = loadedInUse(open, 1000);
  const working = network.use(() => new Promise((resolve) => setTimeout(resolve, 5000)));
  await network.use(async () => {});
  await vi.advanceTimersByTimeAsync(4900);
  expect(count).toEqual({ opened: 1, released: 0 });
  await vi.advanceTimersByTimeAsync(100);
  await working;
  await vi.advanceTimersByTimeAsync(1000);
  expect(count).toEqual({ opened: 1, released: 1 });
});

test("if opening fails, the next use tries again", async () => {
  let broken = true;
  const network = loadedInUse(async () => {
    if (broken) throw new Error("no such file");
    return { release: async () => {} };
  }, 1000);
  await expect(network.use(async () => 1)).rejects.toThrow("no such file");
  broken = false;
  expect(await network.use(async () => 2)).toBe(2);
});

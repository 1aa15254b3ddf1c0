import { expect, test } from "vitest";
import { gather } from "./gather.ts";

/** A worker whose goes end when they are let. */
function slowly(fails: (items: readonly string[]) => boolean = () => false) {
  const goes: string[][] = [];
  const ends: (() => void)[] = [];
  const put = gather({
    async run(items: readonly string[]) {
      goes.push([...items]);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (fails(items)) throw new Error(`not ${items}`);
      return items.map((item) => item.toUpperCase());
    },
    nameOf: (item) => item[0]!,
    most: 3,
  });
  const next = async () => {
    ends.shift()!();
    await new Promise(setImmediate);
  };
  return { goes, put, next };
}

test("a single item runs at once; items that arrive meanwhile run together, in order and in batches", async () => {
  const { goes, put, next } = slowly();
  const results = ["a", "b", "c", "d", "e"].map(put);
  expect(goes).toEqual([["a"]]);
  await next();
  expect(goes).toEqual([["a"], ["b", "c", "d"]]);
  await next();
  await next();
  expect(goes.at(-1)).toEqual(["e"]);
  expect(await Promise.all(results)).toEqual(["A", "B", "C", "D", "E"]);
});

test("two items with the same name never run in one batch, and keep their order", async () => {
  const { goes, put, next } = slowly();
  const results = ["x", "a1", "a2", "b", "a3"].map(put);
  for (let i = 0; i < 4; i++) await next();
  expect(goes).toEqual([["x"], ["a1", "b"], ["a2"], ["a3"]]);
  expect(await Promise.all(results)).toEqual(["X", "A1", "A2", "B", "A3"]);
});

test("after a failed batch, each item is tried separately", async () => {
  const { goes, put, next } = slowly((items) => items.includes("bad"));
  const results = ["x", "a", "bad", "c"].map(put);
  const settled = Promise.allSettled(results);
  for (let i = 0; i < 5; i++) await next();
  expect(goes).toEqual([["x"], ["a", "bad", "c"], ["a"], ["bad"], ["c"]]);
  expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

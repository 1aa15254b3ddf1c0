import { expect, test } from "vitest";
import { valuesOf } from "./values.ts";

test("numbers are listed, counted, and counted in steps", () => {
  expect(valuesOf("1, 2,5", "integer")).toEqual([1, 2, 5]);
  expect(valuesOf("1-4", "integer")).toEqual([1, 2, 3, 4]);
  expect(valuesOf("2-4 / 0.5", "number")).toEqual([2, 2.5, 3, 3.5, 4]);
  expect(valuesOf("0.1-0.3 / 0.1", "number")).toEqual([0.1, 0.2, 0.3]);
});

test("seeds keep their digits", () => {
  expect(valuesOf("9223372036854775807", "integer")).toEqual([2n ** 63n - 1n]);
});

test("words stay words, duplicates and invalid values are dropped, and a million is cut off", () => {
  expect(valuesOf("Euler, DPM++ 2M , Euler", "string")).toEqual(["Euler", "DPM++ 2M"]);
  expect(valuesOf("x, 4-1, 1-3/0, 7", "integer")).toEqual([7]);
  expect(valuesOf("1-1000000", "integer")).toHaveLength(64);
});

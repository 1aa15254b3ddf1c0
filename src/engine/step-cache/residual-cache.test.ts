import { describe, expect, it } from "vitest";
import { taylorSeries } from "./residual-cache.ts";

const at = (...values: number[]) => Float32Array.from(values);

describe("Taylor series of what a step left behind", () => {
  it("order 0 repeats the last value", () => {
    const series = taylorSeries(0);
    series.record(1, at(5, -2));
    series.record(3, at(7, 1));
    expect([...series.predict(9)]).toEqual([7, 1]);
  });

  it("order 1 continues a line, whatever the distance of the steps", () => {
    const series = taylorSeries(1);
    const line = (s: number) => at(2 * s + 1, -0.5 * s);
    for (const s of [1, 2, 6]) series.record(s, line(s));
    expect([...series.predict(8)]).toEqual([...line(8)]);
  });

  it("repeats while it knows one value only", () => {
    const series = taylorSeries(2);
    series.record(1, at(4));
    expect([...series.predict(2)]).toEqual([4]);
  });

  it("order 2 sums D0 + D1 k + D2 k²/2 of backward differences", () => {
    const series = taylorSeries(2);
    for (const s of [1, 2, 3]) series.record(s, at(s ** 2));
    // D0 = 9, D1 = 9 - 4 = 5, D2 = 5 - (4 - 1) = 2; two steps on: 9 + 5·2 + 2·4/2
    expect([...series.predict(5)]).toEqual([23]);
  });
});

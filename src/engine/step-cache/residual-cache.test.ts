import { describe, expect, it } from "vitest";
import type { HostTensor } from "../../onnx/index.ts";
import { onHost } from "../arithmetic/on-host.ts";
import { taylorSeries } from "./residual-cache.ts";

const at = (...values: number[]): HostTensor => ({ data: Float32Array.from(values), dims: [1, 1, values.length] });

/** A series of this order, and what it predicts. */
function seriesOf(order: number) {
  const { record, addPrediction } = taylorSeries(onHost, order);
  return {
    record,
    async predict(step: number, values: number) {
      return [...((await addPrediction(step, at(...Array<number>(values).fill(0)))) as HostTensor).data];
    },
  };
}

describe("Taylor series of the residuals of a step", () => {
  it("order 0 repeats the last value", async () => {
    const series = seriesOf(0);
    await series.record(1, at(5, -2));
    await series.record(3, at(7, 1));
    expect(await series.predict(9, 2)).toEqual([7, 1]);
  });

  it("order 1 extrapolates a line, whatever the distance of the steps", async () => {
    const series = seriesOf(1);
    const line = (s: number) => [2 * s + 1, -0.5 * s];
    for (const s of [1, 2, 6]) await series.record(s, at(...line(s)));
    expect(await series.predict(8, 2)).toEqual(line(8));
  });

  it("repeats the last value while it has only one", async () => {
    const series = seriesOf(2);
    await series.record(1, at(4));
    expect(await series.predict(2, 1)).toEqual([4]);
  });

  it("order 2 sums D0 + D1 k + D2 k²/2 of backward differences", async () => {
    const series = seriesOf(2);
    for (const s of [1, 2, 3]) await series.record(s, at(s ** 2));
    // D0 = 9, D1 = 9 - 4 = 5, D2 = 5 - (4 - 1) = 2; two steps on: 9 + 5·2 + 2·4/2
    expect(await series.predict(5, 1)).toEqual([23]);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { onHost } from "../../src/engine/arithmetic/on-host.ts";
import type { HostTensor } from "../../src/onnx/index.ts";

const FEATURES = 8;
const value = fc.float({ min: -4, max: 4, noNaN: true, noDefaultInfinity: true });
const velocities = fc
  .integer({ min: 1, max: 5 })
  .chain((tokens) =>
    fc.tuple(...[0, 1].map(() => fc.array(value, { minLength: tokens * FEATURES, maxLength: tokens * FEATURES }))),
  )
  .map(([positive, negative]) => ({ positive: Float32Array.from(positive!), negative: Float32Array.from(negative!) }));
const scale = fc.double({ min: 1.01, max: 20, noNaN: true });

async function guide(positive: Float32Array, negative: Float32Array, scale: number): Promise<Float32Array> {
  const tensor = (data: Float32Array) => ({ data, dims: [1, data.length / FEATURES, FEATURES] });
  return ((await onHost.guide(tensor(positive), tensor(negative), scale)) as HostTensor).data;
}

function norm(values: Float32Array, token: number): number {
  return Math.hypot(...values.subarray(token * FEATURES, (token + 1) * FEATURES));
}

describe("guidance", () => {
  it("keeps the length of the conditional velocity at every token", async () => {
    await fc.assert(
      fc.asyncProperty(velocities, scale, async ({ positive, negative }, s) => {
        const guided = await guide(positive, negative, s);
        for (let token = 0; token * FEATURES < positive.length; token++) {
          const wanted = norm(positive, token);
          // The reference divides by the combination's length as well: nothing is promised where it vanishes.
          fc.pre(wanted > 1e-3);
          const combined = positive.map((p, i) => negative[i]! + s * (p - negative[i]!));
          fc.pre(norm(combined, token) > 1e-3);
          expect(norm(guided, token) / wanted).toBeCloseTo(1, 4);
        }
      }),
    );
  });

  it("changes nothing when both velocities are the same", async () => {
    await fc.assert(
      fc.asyncProperty(velocities, scale, async ({ positive }, s) => {
        for (let token = 0; token * FEATURES < positive.length; token++) fc.pre(norm(positive, token) > 1e-3);
        (await guide(positive, positive, s)).forEach((v, i) => {
          expect(Math.abs(v - positive[i]!)).toBeLessThan(1e-5);
        });
      }),
    );
  });
});

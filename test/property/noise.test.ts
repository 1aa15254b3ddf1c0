import fc from "fast-check";
import { expect, it } from "vitest";
import { torchGenerator } from "../../src/engine/noise/torch-generator.ts";

const seed = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

it("only the low 32 bits of a seed count", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 0, max: 100 }), (s, n) => {
      expect(torchGenerator(s).randn(n)).toEqual(torchGenerator(s & 0xffffffffn).randn(n));
    }),
  );
});

it("noise is finite and looks normal", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 2000, max: 5000 }), (s, n) => {
      const values = torchGenerator(s).randn(n);
      const mean = values.reduce((sum, x) => sum + x, 0) / n;
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n;
      expect(values.every(Number.isFinite)).toBe(true);
      // Seven standard errors: a failure in a lifetime, a missing factor at once.
      expect(Math.abs(mean)).toBeLessThan(7 / Math.sqrt(n));
      expect(Math.abs(variance - 1)).toBeLessThan(7 * Math.sqrt(2 / n));
    }),
  );
});

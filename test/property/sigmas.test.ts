import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schedulerConfig } from "../../src/engine/checkpoint/config.ts";
import { flowSigmas } from "../../src/engine/schedulers/sigmas.ts";

const steps = fc.integer({ min: 1, max: 200 });
const tokens = fc.integer({ min: 1, max: 16_384 });
const config = fc
  .record({
    use_dynamic_shifting: fc.boolean(),
    shift: fc.double({ min: 0.2, max: 12, noNaN: true }),
    base_shift: fc.double({ min: 0.1, max: 1.2, noNaN: true }),
    max_shift: fc.double({ min: 0.1, max: 1.1, noNaN: true }),
    base_image_seq_len: fc.constant(256),
    max_image_seq_len: fc.constant(8192),
    shift_terminal: fc.option(fc.double({ min: 0.001, max: 0.3, noNaN: true })),
    time_shift_type: fc.constant("exponential"),
  })
  .map((value) => schedulerConfig.parse(value));

describe("noise levels", () => {
  it("fall from 1 to exactly 0, one per step and the end", () => {
    fc.assert(
      fc.property(steps, tokens, config, (count, length, scheduler) => {
        const sigmas = flowSigmas(count, length, scheduler);
        expect(sigmas).toHaveLength(count + 1);
        expect(sigmas[0]).toBeCloseTo(1, 5);
        expect(sigmas.at(-1)).toBe(0);
        for (let i = 0; i < count; i++) expect(sigmas[i + 1]).toBeLessThan(sigmas[i]!);
      }),
    );
  });

  it("are float32", () => {
    fc.assert(
      fc.property(steps, tokens, config, (count, length, scheduler) => {
        const sigmas = flowSigmas(count, length, scheduler);
        expect(sigmas).toEqual([...Float32Array.from(sigmas)]);
      }),
    );
  });

  it("reach the terminal value before the last step, if there is one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), tokens, config, (count, length, scheduler) => {
        fc.pre(typeof scheduler.shift_terminal === "number");
        expect(flowSigmas(count, length, scheduler).at(-2)).toBeCloseTo(scheduler.shift_terminal!, 5);
      }),
    );
  });

  it("grow with the image if the shift is dynamic, and only then", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 50 }), tokens, config, (count, length, scheduler) => {
        const growing = { ...scheduler, base_shift: 0.5, max_shift: 0.9, shift_terminal: null };
        const [small, large] = [flowSigmas(count, length, growing), flowSigmas(count, length + 2000, growing)];
        if (growing.use_dynamic_shifting) {
          for (let i = 1; i < count; i++) expect(large[i]).toBeGreaterThan(small[i]!);
        } else {
          expect(large).toEqual(small);
        }
      }),
    );
  });
});

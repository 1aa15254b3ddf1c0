import fc from "fast-check";
import { expect, test } from "vitest";
import { distinct, overlap } from "./face.ts";

const whole = fc.integer({ min: 0, max: 40 });
const face = fc.record({
  box: fc.record({
    left: whole,
    top: whole,
    width: fc.integer({ min: 1, max: 20 }),
    height: fc.integer({ min: 1, max: 20 }),
  }),
  score: fc.double({ min: 0, max: 1, noNaN: true }),
});

test("kept boxes do not overlap; each removed box overlaps a kept one with a higher score", () => {
  fc.assert(
    fc.property(fc.array(face, { maxLength: 40 }), fc.double({ min: 0.05, max: 0.95, noNaN: true }), (faces, limit) => {
      const kept = distinct(faces, limit);
      for (const [i, a] of kept.entries()) {
        for (const b of kept.slice(i + 1)) expect(overlap(a.box, b.box)).toBeLessThanOrEqual(limit);
      }
      for (const gone of faces.filter((f) => !kept.includes(f))) {
        expect(kept.some((k) => k.score >= gone.score && overlap(k.box, gone.box) > limit)).toBe(true);
      }
      expect(distinct(kept, limit)).toEqual(kept);
    }),
  );
});

test("of many separate boxes, those with the highest scores are kept", () => {
  const faces = [0.2, 0.9, 0.5].map((score, i) => ({ box: { left: 50 * i, top: 0, width: 10, height: 10 }, score }));
  expect(distinct(faces, 0.5, 2)).toEqual([faces[1], faces[2]]);
});

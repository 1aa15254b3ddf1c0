import { expect } from "vitest";
import type { ReferenceTensor } from "./fixture.ts";

/** Largest difference over the reference's largest magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i]! - expected[i]!);
    if (!(distance <= difference)) difference = distance; // NaN sticks
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return magnitude === 0 ? difference : difference / magnitude;
}

/** Fails with the stage's name and its error unless it is within `tolerance`, relative. */
export function expectStage(
  stage: string,
  actual: { data: ArrayLike<number>; dims?: readonly number[] },
  expected: ReferenceTensor,
  tolerance = 1e-4,
): void {
  if (actual.dims) expect(actual.dims, `shape of ${stage}`).toEqual(expected.dims);
  expect(actual.data.length, `size of ${stage}`).toBe(expected.data.length);
  const error = relativeError(actual.data, expected.data);
  expect(error <= tolerance, `stage "${stage}" drifts: relative error ${error.toExponential(2)} > ${tolerance}`).toBe(
    true,
  );
}

/** Fails unless every value is the same, bit for bit. */
export function expectIdentical(stage: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length, `size of ${stage}`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) {
      expect.fail(`stage "${stage}" differs first at ${i}: ${actual[i]} instead of ${expected[i]}`);
    }
  }
}

/** Fails when any 8-bit value is off by more than 1. */
export function expectPicture(actual: Uint8Array, expected: ReferenceTensor): void {
  expect(actual.length, "size of picture").toBe(expected.data.length);
  let worst = 0;
  let count = 0;
  for (let i = 0; i < actual.length; i++) {
    const distance = Math.abs(actual[i]! - expected.data[i]!);
    worst = Math.max(worst, distance);
    if (distance > 1) count++;
  }
  expect(worst <= 1, `picture: ${count} of ${actual.length} values differ by more than 1, worst by ${worst}`).toBe(
    true,
  );
}

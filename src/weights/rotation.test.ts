import { expect, test } from "vitest";
import { rotateGroups, rotationMatrix } from "./rotation.ts";

test.each([1, 4, 16, 64, 256])(
  "passes of additions equal the product with the matrix of %i; two of them are the identity",
  (group) => {
    const matrix = rotationMatrix(group);
    const values = Float32Array.from({ length: 3 * group }, (_, i) => Math.sin(i * i));
    const rotated = values.slice();
    rotateGroups(rotated, group);
    for (let start = 0; start < values.length; start += group) {
      for (let row = 0; row < group; row++) {
        let sum = 0;
        for (let i = 0; i < group; i++) sum += matrix[row * group + i]! * values[start + i]!;
        expect(rotated[start + row]).toBeCloseTo(sum, 5);
      }
    }
    rotateGroups(rotated, group);
    for (const [i, value] of rotated.entries()) expect(value).toBeCloseTo(values[i]!, 5);
  },
);

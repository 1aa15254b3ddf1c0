/**
 * The rotation that spreads outliers over a group of features before they are rounded to 8 bits: a Kronecker power of h4, divided by
 * √group. It is symmetric and orthogonal, so it is its own inverse. Unlike in Sylvester's matrix no row is all ones, so a constant
 * offset is also spread. ComfyUI's `int8_convrot` files use groups of 256.
 */
const H4 = [
  [1, 1, 1, -1],
  [1, 1, -1, 1],
  [1, -1, 1, 1],
  [-1, 1, 1, 1],
];

/** The matrix [group, group], row by row. @param group a power of 4 */
export function rotationMatrix(group: number): Float32Array {
  const matrix = new Float32Array(group * group);
  const scale = 1 / Math.sqrt(group);
  for (let row = 0; row < group; row++) {
    for (let column = 0; column < group; column++) {
      let sign = 1;
      for (let r = row, c = column, size = group; size > 1; r >>= 2, c >>= 2, size >>= 2) sign *= H4[r & 3]![c & 3]!;
      matrix[row * group + column] = sign * scale;
    }
  }
  return matrix;
}

/**
 * Rotates every group of consecutive values in place, in log₄(group) passes of additions.
 * @param values their number is a multiple of `group`
 */
export function rotateGroups(values: Float32Array, group: number): void {
  for (let stride = 1; stride < group; stride *= 4) {
    for (let start = 0; start < values.length; start += 4 * stride) {
      for (let i = start; i < start + stride; i++) {
        const a = values[i]!;
        const b = values[i + stride]!;
        const c = values[i + 2 * stride]!;
        const d = values[i + 3 * stride]!;
        const half = 0.5 * (a + b + c + d);
        values[i] = half - d;
        values[i + stride] = half - c;
        values[i + 2 * stride] = half - b;
        values[i + 3 * stride] = half - a;
      }
    }
  }
}

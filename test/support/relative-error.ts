/** The size of the difference over that of what was wanted: 0 where they are equal. */
export function relativeError(actual: Float32Array, wanted: Float32Array): number {
  let [difference, size] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    difference += (actual[i]! - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}

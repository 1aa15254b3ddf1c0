/** `mean|a - b| / mean|b|` over all values: how much a is changed from b. */
export function relativeChange(a: Float32Array, b: Float32Array): number {
  let change = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    change += Math.abs(a[i]! - b[i]!);
    size += Math.abs(b[i]!);
  }
  return change / size;
}

export function difference(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((x, i) => x - b[i]!);
}

export function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((x, i) => x + b[i]!);
}

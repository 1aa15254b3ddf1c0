/**
 * Float32 logarithm, sine and cosine, exactly as PyTorch's AVX2 kernels compute them (the Cephes polynomials with fused multiply-add).
 * Float64 functions rounded to float32 differ in the last bit for 15 % of the values.
 * Source: model spec 6.10; coefficients from the Cephes library (`logf`, `sinf`, `cosf`).
 */
const { fround } = Math;

/** Fused multiply-add. The float64 product of two float32 numbers is exact, so only one rounding remains. */
const fma = (a: number, b: number, c: number) => fround(a * b + c);

const LOG_COEFFICIENTS = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(fround);
const LN2_LOW = fround(-2.1219444e-4);
const LN2_HIGH = fround(0.693359375);
const SQRT_HALF = fround(Math.SQRT1_2);

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** Natural logarithm of a positive, normal float32. */
export function logFloat32(x: number): number {
  float[0] = x;
  let exponent = (bits[0]! >>> 23) - 126;
  bits[0] = (bits[0]! & 0x007fffff) | 0x3f000000; // mantissa in [0.5, 1)
  let m = float[0]!;
  if (m < SQRT_HALF) {
    exponent -= 1;
    m = fround(fround(m - 1) + m);
  } else {
    m = fround(m - 1);
  }
  const z = fround(m * m);
  let y = LOG_COEFFICIENTS[0]!;
  for (let i = 1; i < LOG_COEFFICIENTS.length; i++) y = fma(y, m, LOG_COEFFICIENTS[i]!);
  y = fma(fround(y * m), z, fround(exponent * LN2_LOW));
  y = fma(-z, 0.5, y);
  return fma(exponent, LN2_HIGH, fround(m + y));
}

const FOUR_OVER_PI = fround(1.27323954473516);
const PI_OVER_4 = [-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8].map(fround) as [number, number, number];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(fround) as [number, number, number];
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(fround) as [number, number, number];

/** Sine and cosine of a float32 x ≥ 0. */
export function sinCosFloat32(angle: number): { sin: number; cos: number } {
  const octant = (Math.trunc(fround(angle * FOUR_OVER_PI)) + 1) & ~1;
  let x = fma(octant, PI_OVER_4[0], angle);
  x = fma(octant, PI_OVER_4[1], x);
  x = fma(octant, PI_OVER_4[2], x);
  const z = fround(x * x);
  const cosine = cosPolynomial(z);
  const sine = sinPolynomial(x, z);
  const swap = (octant & 2) !== 0;
  const sin = swap ? cosine : sine;
  const cos = swap ? sine : cosine;
  return { sin: octant & 4 ? -sin : sin, cos: (octant - 2) & 4 ? cos : -cos };
}

function cosPolynomial(z: number): number {
  const y = fma(fma(COS[0], z, COS[1]), z, COS[2]);
  return fround(fma(fround(y * z), z, -z / 2) + 1);
}

function sinPolynomial(x: number, z: number): number {
  const y = fround(fma(fma(SIN[0], z, SIN[1]), z, SIN[2]) * z);
  return fma(y, x, x);
}

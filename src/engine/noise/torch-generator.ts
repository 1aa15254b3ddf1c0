import { logFloat32, sinCosFloat32 } from "./vector-math.ts";

const SIZE = 624;
const SHIFT = 397;

/**
 * MT19937: a stream of uniform 32-bit integers.
 * Source: Matsumoto and Nishimura, "Mersenne Twister" (1998), with the 2002 initialisation, as PyTorch's CPU generator uses it.
 *
 * @param seed only its low 32 bits are used
 */
export function mersenneTwister(seed: bigint): () => number {
  const state = new Uint32Array(SIZE);
  state[0] = Number(seed & 0xffffffffn);
  for (let i = 1; i < SIZE; i++) {
    const previous = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1812433253, previous) + i;
  }
  let next = SIZE;
  return () => {
    if (next === SIZE) {
      twist(state);
      next = 0;
    }
    return temper(state[next++]!);
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const bits = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
    state[i] = state[(i + SHIFT) % SIZE]! ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
  }
}

function temper(value: number): number {
  let y = value ^ (value >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}

/** A random stream that equals `torch.Generator("cpu").manual_seed(seed)`, bit for bit. */
export interface TorchGenerator {
  /** `torch.randn(n, generator=…)` in float32; later calls continue the stream. */
  randn(n: number): Float32Array;
}

const TWO_PI = Math.fround(2 * Math.PI);
const BLOCK = 16;

/**
 * Opens a random stream.
 * @param seed 0 … 2⁶⁴-1; like torch it uses only the low 32 bits
 * Source: ATen `normal_fill` and `normal_distribution`, described in the model spec 6.10.
 */
export function torchGenerator(seed: bigint): TorchGenerator {
  const uniform32 = mersenneTwister(seed);
  const uniformFloat = () => (uniform32() & 0xffffff) * 2 ** -24;
  const scalar = scalarNormals(uniform32);
  return {
    randn(n) {
      const values = new Float32Array(n);
      if (n < BLOCK) return values.map(scalar);
      for (let i = 0; i < n; i++) values[i] = uniformFloat();
      for (let start = 0; start + BLOCK <= n; start += BLOCK) boxMuller(values, start);
      if (n % BLOCK !== 0) {
        // The last sixteen values are generated again and overlap the block before.
        for (let i = n - BLOCK; i < n; i++) values[i] = uniformFloat();
        boxMuller(values, n - BLOCK);
      }
      return values;
    },
  };
}

/** Turns sixteen uniform values into sixteen normal ones: eight radii with eight angles. */
function boxMuller(values: Float32Array, start: number): void {
  for (let j = start; j < start + BLOCK / 2; j++) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * logFloat32(Math.fround(1 - values[j]!)))));
    const { sin, cos } = sinCosFloat32(Math.fround(TWO_PI * values[j + BLOCK / 2]!));
    values[j] = radius * cos;
    values[j + BLOCK / 2] = radius * sin;
  }
}

/** Fewer than sixteen values are generated one by one in float64, in pairs. The second of a pair is kept for the next call. */
function scalarNormals(uniform32: () => number): () => number {
  let waiting: number | undefined;
  const uniform53 = () => {
    const high = uniform32();
    const low = uniform32();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  };
  return () => {
    if (waiting !== undefined) {
      const value = waiting;
      waiting = undefined;
      return value;
    }
    const u1 = uniform53();
    const u2 = uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-u2));
    waiting = radius * Math.sin(2 * Math.PI * u1);
    return radius * Math.cos(2 * Math.PI * u1);
  };
}

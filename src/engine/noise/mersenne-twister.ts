const SIZE = 624;
const SHIFT = 397;

/**
 * MT19937: a stream of uniform 32-bit integers.
 * Source: Matsumoto and Nishimura, "Mersenne Twister" (1998), with the 2002 initialisation, as PyTorch's CPU generator uses it.
 *
 * @param seed only its low 32 bits count
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

/** The largest seed, as the API page prints it (2⁶³ rounded the way a JavaScript client would write it). */
export const MAX_SEED = 9_223_372_036_854_776_000n;

/** The seed of result `index` of a task: consecutive, and always one that can be sent again. */
export const resultSeed = (seed: bigint, index: number): bigint => (seed + BigInt(index)) % (MAX_SEED + 1n);

/** A seed for a task that names none: uniform in the unsigned 32-bit range, from `random` in [0, 1). */
export const randomSeed = (random: () => number): bigint => BigInt(Math.floor(random() * 2 ** 32));

import type { SchedulerConfig } from "./checkpoint/config.ts";

const { fround } = Math;

/**
 * The noise levels a picture passes through: `steps + 1` values falling from the shifted 1 to exactly 0.
 * Source: FlowMatchEulerDiscreteScheduler with the pipeline's `linspace(1, 1/steps)`; model spec 6.1. Float32 after every
 * operation, in the reference's order: the time embedding tells apart the last bit of a noise level.
 *
 * @param tokens image tokens L: the shift grows with the picture when the checkpoint shifts dynamically
 */
export function flowSigmas(steps: number, tokens: number, config: SchedulerConfig): number[] {
  const shift = shiftFunction(tokens, config);
  const shifted = evenly(steps).map(shift);
  const stretched = config.shift_terminal ? stretchToTerminal(shifted, config.shift_terminal) : shifted;
  return [...stretched, 0];
}

/** Noise levels in equal steps from 1 to 0, not shifted. */
export function uniformSigmas(steps: number): number[] {
  return [...evenly(steps), 0];
}

/** `linspace(1, 1 / steps, steps)`. */
function evenly(steps: number): number[] {
  if (steps === 1) return [1];
  const [last, stride] = [1 / steps, (1 / steps - 1) / (steps - 1)];
  return Array.from({ length: steps }, (_, k) => fround(k === steps - 1 ? last : 1 + k * stride));
}

function shiftFunction(tokens: number, config: SchedulerConfig): (sigma: number) => number {
  if (config.use_dynamic_shifting) {
    const factor = fround(dynamicShift(tokens, config));
    return (sigma) => fround(factor / fround(factor + fround(fround(1 / sigma) - 1)));
  }
  const [shift, excess] = [fround(config.shift), fround(config.shift - 1)];
  return (sigma) => fround(fround(shift * sigma) / fround(1 + fround(excess * sigma)));
}

function dynamicShift(tokens: number, config: SchedulerConfig): number {
  const { base_shift: low, max_shift: high, base_image_seq_len: from, max_image_seq_len: to } = config;
  const slope = (high - low) / (to - from);
  const mu = tokens * slope + (low - slope * from);
  return config.time_shift_type === "exponential" ? Math.exp(mu) : mu;
}

/** Stretches distances from 1 so that the last noise level is `terminal`. A single step at σ = 1 has nothing to stretch. */
function stretchToTerminal(sigmas: readonly number[], terminal: number): number[] {
  const distances = sigmas.map((sigma) => fround(1 - sigma));
  const stretch = fround(distances.at(-1)! / fround(1 - terminal));
  return sigmas.length === 1 ? [...sigmas] : distances.map((distance) => fround(1 - fround(distance / stretch)));
}

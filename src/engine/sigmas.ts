import type { SchedulerConfig } from "./checkpoint/config.ts";

/**
 * The noise levels a picture passes through: `steps + 1` values falling from the shifted 1 to exactly 0.
 * Source: FlowMatchEulerDiscreteScheduler with the pipeline's `linspace(1, 1/steps)`; model spec 6.1.
 *
 * @param tokens image tokens L: the shift grows with the picture when the checkpoint shifts dynamically
 */
export function flowSigmas(steps: number, tokens: number, config: SchedulerConfig): number[] {
  const shift = shiftFunction(tokens, config);
  const shifted = evenly(steps).map(shift);
  const stretched = config.shift_terminal ? stretchToTerminal(shifted, config.shift_terminal) : shifted;
  return [...stretched.map(Math.fround), 0];
}

/** Noise levels in equal steps from 1 to 0, not shifted. */
export function uniformSigmas(steps: number): number[] {
  return [...evenly(steps).map(Math.fround), 0];
}

/** `linspace(1, 1 / steps, steps)`. */
function evenly(steps: number): number[] {
  return Array.from({ length: steps }, (_, k) => 1 - (k * (1 - 1 / steps)) / Math.max(1, steps - 1));
}

function shiftFunction(tokens: number, config: SchedulerConfig): (sigma: number) => number {
  const factor = config.use_dynamic_shifting ? dynamicShift(tokens, config) : config.shift;
  return (sigma) => factor / (factor + (1 / sigma - 1));
}

function dynamicShift(tokens: number, config: SchedulerConfig): number {
  const { base_shift: low, max_shift: high, base_image_seq_len: from, max_image_seq_len: to } = config;
  const mu = low + ((high - low) / (to - from)) * (tokens - from);
  return config.time_shift_type === "exponential" ? Math.exp(mu) : mu;
}

/** Stretches distances from 1 so that the last noise level is `terminal`. A single step at σ = 1 has nothing to stretch. */
function stretchToTerminal(sigmas: readonly number[], terminal: number): number[] {
  const stretch = (1 - sigmas.at(-1)!) / (1 - terminal);
  return stretch === 0 ? [...sigmas] : sigmas.map((sigma) => 1 - (1 - sigma) / stretch);
}

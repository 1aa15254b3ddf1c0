import jStat from "jstat";
import type { SchedulerConfig } from "../checkpoint/config.ts";

const { fround } = Math;

/**
 * The noise levels of an image: `steps + 1` values that fall from the shifted 1 to exactly 0.
 * Source: FlowMatchEulerDiscreteScheduler with the pipeline's `linspace(1, 1/steps)`; model spec 6.1. Every operation rounds to float32, in
 * the order of the reference: the last bit of a noise level changes the time embedding.
 *
 * @param tokens image tokens L: with dynamic shifting the shift grows with their number
 */
export function flowSigmas(steps: number, tokens: number, config: SchedulerConfig): number[] {
  const shift = shiftFunction(tokens, config);
  const shifted = evenly(steps).map(shift);
  const stretched = config.shift_terminal ? stretchToTerminal(shifted, config.shift_terminal) : shifted;
  const curve = configuredCurve(config);
  return [...(curve ? laidAlong(curve, stretched) : stretched), 0];
}

/** Noise levels in equal steps from 1 to 0, without shift. */
function uniformSigmas(steps: number): number[] {
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

/** Stretches distances from 1 so that the last noise level is `terminal`. A single step at σ = 1 is not stretched. */
function stretchToTerminal(sigmas: readonly number[], terminal: number): number[] {
  const distances = sigmas.map((sigma) => fround(1 - sigma));
  const stretch = fround(distances.at(-1)! / fround(1 - terminal));
  return sigmas.length === 1 ? [...sigmas] : distances.map((distance) => fround(1 - fround(distance / stretch)));
}

/** The positions of the noise levels: `steps + 1` float32 values that fall from 1 to 0. */
export interface Spacing {
  readonly title: string;
  readonly about: string;
  /** @param tokens image tokens, for the dynamic shift */
  readonly sigmas: (steps: number, tokens: number, config: SchedulerConfig) => number[];
}

/** Levels from `max` to `min` at a position in the schedule, 0…1. */
type Curve = (progress: number, max: number, min: number) => number;

/** Karras et al. (2022), equation 5, ρ = 7. */
const alongKarras: Curve = (progress, max, min) => between(max ** (1 / 7), min ** (1 / 7), progress) ** 7;

/** Equal steps in ln σ. */
const alongExponential: Curve = (progress, max, min) => Math.exp(between(Math.log(max), Math.log(min), progress));

/** Quantiles of Beta(0.6, 0.6): dense at both ends. Lee et al., "Beta Sampling is All You Need" (2024), as in diffusers. */
const alongBeta: Curve = (progress, max, min) => min + (max - min) * jStat.beta.inv(1 - progress, 0.6, 0.6);

/** The same number of levels between the same ends, at the distances of the curve. */
function laidAlong(curve: Curve, levels: readonly number[]): number[] {
  const [max, min] = [levels[0]!, levels.at(-1)!];
  return levels.map((_, i) => fround(curve(i / Math.max(1, levels.length - 1), max, min)));
}

/** The curve that a checkpoint's scheduler config selects, if any. */
function configuredCurve(config: SchedulerConfig): Curve | undefined {
  if (config.use_karras_sigmas) return alongKarras;
  if (config.use_exponential_sigmas) return alongExponential;
  return config.use_beta_sigmas ? alongBeta : undefined;
}

function between(from: number, to: number, progress: number): number {
  return from + progress * (to - from);
}

const model: Spacing = {
  title: "model",
  about: "Equal steps from 1 to 0, shifted with the image's size and stretched by the checkpoint's config.",
  sigmas: flowSigmas,
};
const uniform: Spacing = {
  title: "uniform",
  about: "Equal steps from 1 to 0, not shifted.",
  sigmas: uniformSigmas,
};

/** Places the levels between the ends of another spacing along a curve. The last step still ends at 0. */
function respaced(base: Spacing, { title, about, curve }: { title: string; about: string; curve: Curve }): Spacing {
  return {
    title: base === model ? title : `${base.title}, ${title}`,
    about: `Between the ends of "${base.title}": ${about}`,
    sigmas: (steps, tokens, config) => [...laidAlong(curve, base.sigmas(steps, tokens, config).slice(0, -1)), 0],
  };
}

const karras = { title: "Karras", about: "equal steps in the seventh root of σ.", curve: alongKarras };
const exponential = { title: "exponential", about: "equal steps in ln σ.", curve: alongExponential };
const beta = { title: "beta", about: "quantiles of Beta(0.6, 0.6), dense at both ends.", curve: alongBeta };

/** All spacings, by name. */
export const SPACINGS = {
  model,
  karras: respaced(model, karras),
  exponential: respaced(model, exponential),
  beta: respaced(model, beta),
  uniform,
  uniformKarras: respaced(uniform, karras),
  uniformExponential: respaced(uniform, exponential),
  uniformBeta: respaced(uniform, beta),
} as const satisfies Record<string, Spacing>;

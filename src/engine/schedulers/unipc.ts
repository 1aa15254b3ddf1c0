import type { AnyTensor } from "../../onnx/index.ts";
import type { LatentArithmetic } from "../arithmetic/step-memory.ts";
import { lagrangeBasis } from "./linear-multistep.ts";
import { type CreateSolver, denoised, halfLogSnr } from "./solver.ts";
export interface UniPcOptions {
  readonly order: 2 | 3;
}

/** A predicted image and its position. */
interface Known {
  readonly sigma: number;
  readonly lambda: number;
  readonly D: AnyTensor;
}

/** Data of a step that the next one needs to correct it. */
interface Prediction {
  /** Images at the start of the step, newest first; their number is its order. */
  readonly known: readonly Known[];
  readonly start: AnyTensor;
  readonly end: AnyTensor;
}

/**
 * Predictor and corrector that share their model evaluations: the model's output at a predicted point first corrects that
 * point, then predicts the next. Orders fall towards the end. The last step, to σ = 0, is of first order.
 *
 * If other code (a mask) changes the latents between two steps, these values are used without a correction.
 *
 * Source: Zhao et al., "UniPC" (2023), B₂(h), as in UniPCMultistepScheduler with `use_flow_sigmas`.
 */
export const unipc =
  ({ order }: UniPcOptions): CreateSolver =>
  ({ sigmas, arithmetic }) => {
    let known: Known[] = []; // newest first
    let prediction: Prediction | undefined;
    return {
      async step(x, step, velocity) {
        const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
        const now = {
          sigma,
          lambda: halfLogSnr(sigma),
          D: await denoised(arithmetic, x, sigma, await velocity(x, sigma)),
        };
        const start = prediction ? await correct(arithmetic, prediction, now, x) : x;
        if (next === 0) return now.D;
        known = [now, ...known].slice(0, order);
        const used = known.slice(0, sigmas.length - 1 - step);
        const end = await advance(arithmetic, start, used, next);
        prediction = { known: used, start, end };
        return end;
      },
    };
  };

async function correct(
  arithmetic: LatentArithmetic,
  { known, start, end }: Prediction,
  now: Known,
  x: AnyTensor,
): Promise<AnyTensor> {
  return arithmetic.replaceUnchanged(x, end, await advance(arithmetic, start, known, now.sigma, now));
}

/**
 * With α = 1 - σ, h = λ_next - λ₀, r the distances of the other images from D₀ in λ, in steps:
 *
 *     x ← (σ_next / σ₀) x + α_next (1 - e^{-h}) (D₀ + Σ ρ_k (D_k - D₀) / r_k)
 *
 * @param known newest first
 * @param ahead the image predicted at `next`, for a correction
 */
function advance(
  { weightedSum }: LatentArithmetic,
  x: AnyTensor,
  known: readonly Known[],
  next: number,
  ahead?: Known,
): Promise<AnyTensor> {
  const [now, ...past] = known as [Known, ...Known[]];
  const others = ahead ? [...past, ahead] : past;
  const h = halfLogSnr(next) - now.lambda;
  const distances = others.map(({ lambda }) => (lambda - now.lambda) / h);
  const shares = rho(distances, h).map((share, k) => share / distances[k]!);
  const integral = -(1 - next) * Math.expm1(-h);
  const rest = shares.reduce((sum, share) => sum + share, 0);
  return weightedSum([
    [next / now.sigma, x],
    [integral * (1 - rest), now.D],
    ...others.map(({ D }, k) => [integral * shares[k]!, D] as const),
  ]);
}

/** Solves `Σ ρ_k r_k^{i-1} = b_i`, i = 1 …; a single ρ is set to ½, its limit. */
function rho(distances: readonly number[], h: number): number[] {
  if (distances.length === 1) return [0.5];
  const b = moments(h, distances.length);
  return lagrangeBasis(distances).map((p) => p.reduce((sum, coefficient, i) => sum + coefficient * b[i]!, 0));
}

/** `b_i = i! h φ_{i+1}(-h) / B₂(h)`, `B₂(h) = e^{-h} - 1`, by the recurrence of φ. */
function moments(h: number, count: number): number[] {
  const phi1 = Math.expm1(-h);
  let phi = phi1 / -h - 1;
  let factorial = 1;
  return Array.from({ length: count }, (_, i) => {
    const moment = (phi * factorial) / phi1;
    factorial *= i + 2;
    phi = phi / -h - 1 / factorial;
    return moment;
  });
}

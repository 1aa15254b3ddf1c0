import { type AnyTensor, free, type HostTensor } from "../onnx/index.ts";
import { acts, controlResiduals } from "./control-net/residuals.ts";
import type { LatentGrid } from "./latents.ts";
import { adaptTransformer } from "./lora/adapted-transformer.ts";
import type { Model } from "./model.ts";
import { causeOf, type Trial } from "./not-finite.ts";
import type { GenerateHooks } from "./params.ts";
import type { Recipe } from "./recipe.ts";
import type { References } from "./references.ts";
import { jointRotary } from "./rope.ts";
import { denoised, type Velocity } from "./schedulers/solver.ts";
import { createStepCache, cutsFor } from "./step-cache/create.ts";
import { type StepPlace, skipTally } from "./step-cache/step-cache.ts";
import type { Attachments, Pass } from "./transformer-chain.ts";

/** Embeddings of the prompts, [1, T, features] each. */
export interface PromptEmbeddings {
  readonly positive: HostTensor;
  /** Absent when guidance is 1 or below. */
  readonly negative?: HostTensor;
}

/** The flow of one image, and the number of steps that its cache skipped. */
export interface PictureFlow {
  at(place: StepPlace): FlowStep;
  /** Steps that a cache skipped; undefined without a cache. */
  skippedSteps(): number | undefined;
  /** Frees what its caches remember. */
  clear(): void;
}

/** The flow within one step of the schedule. */
export interface FlowStep {
  /** At any noise level. The solver chooses the levels and their number. */
  readonly velocity: Velocity;
  /** The clean image that the latest velocity of the step points to: [L, 4C], on the host. */
  denoised(): Promise<Float32Array>;
}

/** Parameters of the recipe that a flow uses. */
type FlowParams = Pick<Recipe, "guidance" | "cache" | "loras" | "controls">;

/**
 * Prepares the velocity at any noise level, guided away from the negative prompt. Call the result once for each image.
 *
 * Latents and velocities stay on the device that computes them. The caller frees each velocity.
 *
 * @param references appended to the noise tokens in every pass; the output of their tokens is ignored
 * @param sigmas the whole schedule, steps + 1 levels; levels in between are prepared when a solver requests them
 * @throws ParameterError naming the adapter or ControlNet that cannot be used
 */
export async function guidedFlow(
  model: Model,
  grid: LatentGrid,
  prompts: PromptEmbeddings,
  references: References,
  { guidance, cache, loras = [], controls = [] }: FlowParams,
  sigmas: readonly number[],
  hooks: Pick<GenerateHooks, "signal" | "onWarning">,
): Promise<() => PictureFlow> {
  const { arithmetic } = model;
  const condition = (text: HostTensor) => {
    return { text, rotary: jointRotary(text.dims[1]!, [grid, ...references.grids], model.ropeAxes) };
  };
  const positive = condition(prompts.positive);
  const conditions = prompts.negative ? [positive, condition(prompts.negative)] : [positive];
  const transformerAt = await adaptTransformer(model, loras, sigmas, hooks.onWarning ?? (() => {}));
  const residualsAt = await controlResiduals(model, grid, controls, sigmas, positive);
  if (cache) await model.transformer.openAt(cutsFor(cache, model.transformer.blocks));
  /** Repeats a pass without a cache, with some of its adapters and ControlNets. True when its velocity is finite. */
  const repeat = async (branch: number, latents: AnyTensor, sigma: number, step: number, trial: Trial) => {
    const transformer = transformerAt(step);
    const modulationAt = async (level: number) =>
      trial.loras ? transformer.modulation(level) : (await model.modulations([level]))[0]!;
    const modulation = await modulationAt(sigma);
    const clean = model.zeroCond ? { from: grid.tokens, modulation: await modulationAt(0) } : undefined;
    const residuals = await residualsAt(latents, sigma, step, trial.controls);
    const adapters = trial.loras ? transformer.attachments : undefined;
    const attachments = joined(adapters, branch === 0 ? residuals?.positive : residuals?.negative);
    try {
      const velocity = await model.velocity({ latents, ...conditions[branch]!, modulation, clean, attachments });
      const finite = await arithmetic.allFinite(velocity);
      free(velocity);
      return finite;
    } finally {
      residuals?.free();
    }
  };
  /** The error for a velocity with NaN or infinity. */
  const notFinite = async (branch: number, latents: AnyTensor, sigma: number, step: number) => {
    const acting = controls.map((one) => (acts(one, step) ? one : { ...one, weight: 0 }));
    return causeOf({ folder: model.folder, loras, controls: acting }, (trial) =>
      repeat(branch, latents, sigma, step, trial),
    );
  };

  return () => {
    const tally = cache && skipTally();
    const caches = conditions.map(() => cache && createStepCache(cache, model.transformer, arithmetic));
    const predict = async (branch: number, pass: Pass, place: StepPlace) => {
      const cached = await caches[branch]?.velocity(pass, place);
      if (cached) tally?.record(place.step, cached.skipped);
      return cached ? cached.velocity : model.velocity(pass);
    };
    const velocityAt = async (noisy: AnyTensor, sigma: number, place: StepPlace) => {
      const latents = references.grids.length > 0 ? await arithmetic.append(noisy, references.latents) : noisy;
      const transformer = transformerAt(place.step);
      const modulation = await transformer.modulation(sigma);
      const clean = model.zeroCond ? { from: grid.tokens, modulation: await transformer.modulation(0) } : undefined;
      const residuals = await residualsAt(latents, sigma, place.step);
      const velocities: AnyTensor[] = []; // [1, L, 4C] each
      try {
        for (const [branch, { text, rotary }] of conditions.entries()) {
          hooks.signal?.throwIfAborted();
          const attachments = joined(transformer.attachments, branch === 0 ? residuals?.positive : residuals?.negative);
          const velocity = await predict(branch, { latents, text, rotary, modulation, clean, attachments }, place);
          velocities.push(velocity);
          if (!(await arithmetic.allFinite(velocity))) throw await notFinite(branch, latents, sigma, place.step);
          if (latents === noisy) continue;
          velocities[branch] = await arithmetic.first(velocity, grid.tokens);
          free(velocity);
        }
        const [positive, negative] = velocities as [AnyTensor, AnyTensor?];
        return negative ? await arithmetic.guide(positive, negative, guidance) : velocities.pop()!;
      } finally {
        velocities.forEach(free);
        residuals?.free();
        if (latents !== noisy) free(latents);
      }
    };
    return {
      at(place) {
        let latest: () => Promise<AnyTensor>;
        return {
          async velocity(x, sigma) {
            const v = await velocityAt(x, sigma, place);
            latest = () => denoised(arithmetic, x, sigma, v);
            return v;
          },
          async denoised() {
            const clean = await latest();
            const { data } = await arithmetic.toHost(clean);
            free(clean);
            return data;
          },
        };
      },
      skippedSteps: () => tally?.skippedSteps(),
      clear: () => {
        for (const cache of caches) cache?.clear();
      },
    };
  };
}

/** Adds the attachments of adapters and ControlNets. */
function joined(adapters: Attachments | undefined, controls: Attachments | undefined): Attachments | undefined {
  if (!adapters || !controls) return adapters ?? controls;
  return { ...adapters, ...controls, feeds: { ...adapters.feeds, ...controls.feeds } };
}

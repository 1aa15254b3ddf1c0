import type { StepPlace } from "./caching/cache.ts";
import type { CacheParams } from "./caching/params.ts";
import { createStepCache, cutsFor } from "./caching/step-cache.ts";
import { skipTally } from "./caching/tally.ts";
import type { Canvas } from "./canvas.ts";
import { guide } from "./guidance.ts";
import type { Model } from "./qwen-image/model.ts";
import { jointRotary, type RotaryTable } from "./qwen-image/rope.ts";
import type { Pass } from "./qwen-image/transformer-chain.ts";
import type { HostTensor } from "./runtime/session.ts";

/** What the transformer is told to draw or to avoid. */
interface Condition {
  readonly text: HostTensor; // [1, T, features]
  readonly rotary: RotaryTable;
}

export interface Guidance {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** True classifier-free guidance; at 1 or below the negative prompt is not even encoded. */
  readonly guidance: number;
  readonly cache?: CacheParams;
}

/** The velocity that one picture follows, and what its cache spared. */
export interface PictureFlow {
  /** @param sigma any noise level; @param place the step it is asked for in */
  velocity(latents: Float32Array, sigma: number, place: StepPlace): Promise<Float32Array>;
  /** Steps that a cache answered; undefined without a cache. */
  skippedSteps(): number | undefined;
}

/**
 * The velocity at any noise level, guided away from the negative prompt. The result is called once for each picture.
 * @param sigmas the levels of the schedule; a solver's levels in between are prepared as it asks for them
 */
export async function guidedVelocity(
  model: Model,
  canvas: Canvas,
  { prompt, negativePrompt, guidance, cache }: Guidance,
  sigmas: readonly number[],
  signal?: AbortSignal,
): Promise<() => PictureFlow> {
  const condition = async (text: HostTensor): Promise<Condition> => ({
    text,
    rotary: jointRotary(text.dims[1]!, canvas.rows, canvas.columns, model.ropeAxes),
  });
  const conditions = [await condition(await model.encodePrompt(prompt))];
  if (guidance > 1) conditions.push(await condition(await model.encodePrompt(negativePrompt)));
  const modulation = await modulationsOf(model, sigmas);
  if (cache) await model.transformer.openAt(cutsFor(cache, model.transformer.blocks));

  return () => {
    const tally = cache && skipTally();
    const caches = conditions.map(() => cache && createStepCache(cache, model.transformer));
    const predict = async (branch: number, pass: Pass, place: StepPlace) => {
      const cached = await caches[branch]?.velocity(pass, place);
      if (cached) tally?.record(place.step, cached.skipped);
      return cached ? cached.velocity : model.velocity(pass);
    };
    return {
      async velocity(data, sigma, place) {
        const latents = { data, dims: [1, canvas.tokens, canvas.features] };
        const velocities: Float32Array[] = []; // [1, L, 4C] each
        for (const [branch, { text, rotary }] of conditions.entries()) {
          signal?.throwIfAborted();
          velocities.push(await predict(branch, { latents, text, rotary, modulation: await modulation(sigma) }, place));
        }
        const [wanted, avoided] = velocities;
        return avoided ? guide(wanted!, avoided, guidance, canvas.features) : wanted!;
      },
      skippedSteps: () => tally?.skippedSteps(),
    };
  };
}

/** Modulations of all scheduled noise levels in one run. */
async function modulationsOf(
  model: Model,
  sigmas: readonly number[],
): Promise<(sigma: number) => Promise<Float32Array>> {
  const rows = await model.modulations(sigmas);
  const known = new Map(sigmas.map((sigma, i) => [sigma, rows[i]!]));
  return async (sigma) => {
    const modulation = known.get(sigma) ?? (await model.modulations([sigma]))[0]!;
    known.set(sigma, modulation);
    return modulation;
  };
}

import { canvasFor } from "./canvas.ts";
import { guidedVelocity } from "./guided-velocity.ts";
import type { Model } from "./model.ts";
import { torchGenerator } from "./noise/torch-generator.ts";
import type { GeneratedImage, GenerateHooks, GenerateParams } from "./params.ts";
import { toRgb } from "./pixels.ts";
import type { Previewer } from "./preview.ts";
import { denoised } from "./schedulers/flow.ts";
import { resolveScheduler } from "./schedulers/resolve.ts";
import { startingPicture } from "./starting-picture.ts";

/** A request with every choice made: sizes are multiples of 16, numbers in range. */
export type Recipe = Required<Omit<GenerateParams, Optional>> & Pick<GenerateParams, Optional>;
type Optional = "image" | "mask" | "cache" | "loras" | "controls" | "schedule";

/**
 * Prompt to picture, after "Qwen-Image Technical Report" (2025) as diffusers' `QwenImagePipeline` and its image-to-image and
 * inpainting siblings run it. Symbols: L image tokens, C latent channels, σ noise level, v velocity.
 */
export async function generate(
  model: Model,
  recipe: Recipe,
  hooks: GenerateHooks,
  previewer: () => Promise<Previewer>,
): Promise<GeneratedImage[]> {
  const canvas = canvasFor(model, recipe);

  // 1. The noise levels from 1 to 0; a starting picture skips the first ones.
  const { solver: kind, spacing } = resolveScheduler(recipe.scheduler);
  const sigmas = spacing.sigmas(recipe.steps, canvas.tokens, { ...model.scheduler, ...recipe.schedule });
  const first = recipe.image ? firstStep(recipe.steps, recipe.strength) : 0;
  const steps = recipe.steps - first;

  // 2. The flow to follow: towards the prompt, away from the negative prompt.
  const newFlow = await guidedVelocity(model, canvas, recipe, { sigmas, hooks });
  const start = recipe.image && (await startingPicture(model, canvas, recipe.image, recipe.mask));

  const images: GeneratedImage[] = [];
  for (let image = 0; image < recipe.count; image++) {
    // 3. Pure noise, the same that torch draws for this seed.
    const seed = BigInt.asUintN(64, recipe.seed + BigInt(image));
    const generator = torchGenerator(seed);
    const gaussian = () => canvas.pack(generator.randn(canvas.channels * canvas.height * canvas.width)); // [L, 4C]
    const noise = gaussian();
    let latents = start ? start.atNoiseLevel(sigmas[first]!, noise) : noise;

    // 4. Denoise, step by step.
    const flow = newFlow();
    let place = { step: first, last: steps === 1 };
    let destination: () => Float32Array; // where the latest velocity leads
    const velocity = async (x: Float32Array, sigma: number) => {
      const v = await flow.velocity(x, sigma, place);
      destination = () => denoised(x, sigma, v);
      return v;
    };
    const solver = kind.create({ sigmas, velocity, gaussian });
    for (let step = 1; step <= steps; step++) {
      place = { step: first + step - 1, last: step === steps };
      latents = await solver.step(latents, place.step);
      const sigma = sigmas[first + step]!;
      if (start) latents = start.keep(latents, sigma, noise, step / steps);
      const preview = async () => (await previewer())(canvas.unpack(destination()), canvas.width, canvas.height);
      await hooks.onStep?.({ image, step, steps, sigma, preview });
    }

    // 5. Latents to pixels.
    hooks.signal?.throwIfAborted();
    const planes = await model.decodeLatents(canvas.unpack(latents), canvas.height, canvas.width);
    const skippedSteps = flow.skippedSteps();
    const picture = toRgb(planes, recipe.width, recipe.height);
    const finished = { ...picture, seed, ...(skippedSteps !== undefined && { skippedSteps }) };
    images.push(finished);
    await hooks.onImage?.(finished, image);
  }
  return images;
}

/** Only the last `strength · steps` steps run, at least one. Source: `get_timesteps` of the image-to-image pipelines. */
function firstStep(steps: number, strength: number): number {
  return Math.min(steps - 1, Math.trunc(steps - Math.min(steps * strength, steps)));
}

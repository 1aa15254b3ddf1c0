import type { HostTensor } from "../onnx/index.ts";
import { stepMemory } from "./arithmetic/step-memory.ts";
import { guidedFlow } from "./guidance.ts";
import { startingImage } from "./image-to-image.ts";
import { latentGrid } from "./latents.ts";
import type { Model } from "./model.ts";
import { torchGenerator } from "./noise/torch-generator.ts";
import type { GeneratedImage, GenerateHooks } from "./params.ts";
import { toRgb } from "./pixels.ts";
import type { Previewer } from "./preview.ts";
import type { Recipe } from "./recipe.ts";
import { encodeReferences } from "./references.ts";
import { resolveScheduler } from "./schedulers/schedulers.ts";

/**
 * Prompt to image, after "Qwen-Image Technical Report" (2025) as `QwenImagePipeline` of diffusers and its siblings run it: text-to-image,
 * image-to-image, inpainting and editing. They differ in the start of the latents and in what the model sees. Symbols: L image tokens,
 * C latent channels, σ noise level, v velocity.
 */
export async function generate(
  model: Model,
  recipe: Recipe,
  hooks: GenerateHooks,
  previewer: () => Promise<Previewer>,
): Promise<GeneratedImage[]> {
  const grid = latentGrid(model, recipe);
  hooks.onStage?.("encode");

  // 1. Encode the references, if any, and the prompt with them; the negative prompt if guidance needs it.
  const references = await encodeReferences(model, recipe.references, recipe.referencePixels);
  const positive = await model.encodePrompt(recipe.prompt, references.seen); // [1, T, features]
  const negative = recipe.guidance > 1 ? await model.encodePrompt(recipe.negativePrompt, references.seen) : undefined;

  // 2. The noise levels from 1 to 0. A seed image skips the first ones.
  const { solver: kind, spacing } = resolveScheduler(recipe.scheduler);
  const sigmas = spacing.sigmas(recipe.steps, grid.tokens, { ...model.scheduler, ...recipe.schedule });
  const first = recipe.image ? firstStep(recipe.steps, recipe.strength) : 0;
  const steps = recipe.steps - first;

  // 3. The flow to follow: towards the prompt, away from the negative prompt.
  const newFlow = await guidedFlow(model, grid, { positive, negative }, references, recipe, sigmas, hooks);
  const start = recipe.image && (await startingImage(model, grid, recipe.image, recipe.mask));

  const images: GeneratedImage[] = [];
  for (let image = 0; image < recipe.count; image++) {
    hooks.onStage?.("denoise");
    // 4. Pure noise, the same as torch's for this seed.
    const seed = BigInt.asUintN(64, recipe.seed + BigInt(image));
    const generator = torchGenerator(seed);
    const gaussian = (): HostTensor => {
      const planes = generator.randn(grid.channels * grid.height * grid.width);
      return { data: grid.pack(planes), dims: [1, grid.tokens, grid.features] };
    };
    const noise = gaussian();

    // 5. Denoise, step by step. Latents stay on the device that computes them.
    const memory = stepMemory(model.arithmetic);
    const flow = newFlow();
    let final: HostTensor;
    try {
      const solver = kind.create({ sigmas, gaussian, arithmetic: memory.arithmetic });
      let latents = start ? await start.atNoiseLevel(memory.arithmetic, sigmas[first]!, noise) : noise;
      for (let step = 1; step <= steps; step++) {
        const i = first + step - 1; // index in the whole schedule
        const { velocity, denoised } = flow.at({ step: i, last: step === steps });
        latents = await solver.step(latents, i, async (x, level) => memory.adopt(await velocity(x, level)));
        const sigma = sigmas[i + 1]!;
        if (start) latents = await start.keep(memory.arithmetic, latents, sigma, noise, step / steps);
        const preview = async () => (await previewer())(grid.unpack(await denoised()), grid.width, grid.height);
        await hooks.onStep?.({ image, step, steps, sigma, preview });
        memory.endStep();
      }
      final = await model.arithmetic.toHost(latents);
    } finally {
      memory.clear();
      flow.clear();
    }

    // 6. Latents to pixels.
    hooks.signal?.throwIfAborted();
    hooks.onStage?.("decode");
    const dims = [1, grid.channels, grid.height, grid.width];
    const planes = await model.decodeLatents({ data: grid.unpack(final.data), dims });
    const finished = { ...toRgb(planes, recipe.width, recipe.height), seed, skippedSteps: flow.skippedSteps() };
    images.push(finished);
    await hooks.onImage?.(finished, image);
  }
  return images;
}

/** Only the last `strength · steps` steps run, at least one. Source: `get_timesteps` of the image-to-image pipelines. */
function firstStep(steps: number, strength: number): number {
  return Math.min(steps - 1, Math.trunc(steps - Math.min(steps * strength, steps)));
}

import { guide } from "./guidance.ts";
import { pack, unpack } from "./latents.ts";
import { torchGenerator } from "./noise/torch-generator.ts";
import { toRgb } from "./pixels.ts";
import type { Previewer } from "./preview.ts";
import type { Model } from "./qwen-image/model.ts";
import { jointRotary, type RotaryTable } from "./qwen-image/rope.ts";
import type { HostTensor } from "./runtime/session.ts";
import { eulerStep } from "./schedulers/euler.ts";
import { flowSigmas } from "./sigmas.ts";
import type { GeneratedImage, GenerateHooks, GenerateParams } from "./types.ts";

/** A request with every choice made: sizes are multiples of 16, numbers in range. */
export type Recipe = Required<GenerateParams>;

/**
 * Text to image, after "Qwen-Image Technical Report" (2025) as diffusers' `QwenImagePipeline` runs it.
 * Symbols: C latent channels, h·w latent positions, L = h/2 · w/2 image tokens, T text tokens, σ noise level, v velocity.
 */
export async function generate(
  model: Model,
  recipe: Recipe,
  hooks: GenerateHooks,
  previewer: () => Promise<Previewer>,
): Promise<GeneratedImage[]> {
  const { steps, guidance, width, height } = recipe;
  const [h, w] = [height / model.pixelFactor, width / model.pixelFactor];
  const [rows, columns] = [h / 2, w / 2];

  // 1. What to draw, and what not: only guidance above 1 needs the second.
  const prompts = guidance > 1 ? [recipe.prompt, recipe.negativePrompt] : [recipe.prompt];
  const conditions: { text: HostTensor; rotary: RotaryTable }[] = [];
  for (const prompt of prompts) {
    const text = await model.encodePrompt(prompt); // [1, T, features]
    conditions.push({ text, rotary: jointRotary(text.dims[1]!, rows, columns, model.ropeAxes) });
  }

  // 2. The noise levels, and everything the transformer derives from them alone.
  const sigmas = flowSigmas(steps, rows * columns, model.scheduler);
  const modulations = await model.modulations(sigmas.slice(0, steps));

  // 3. The velocity at step i, guided away from the negative prompt.
  const features = model.latentChannels * 4;
  const velocity = async (latents: HostTensor, step: number) => {
    const velocities = [];
    for (const { text, rotary } of conditions) {
      hooks.signal?.throwIfAborted();
      velocities.push(await model.velocity(latents, text, rotary, modulations[step]!)); // [1, L, features]
    }
    const [positive, negative] = velocities as [Float32Array, Float32Array?];
    return negative ? guide(positive, negative, guidance, features) : positive;
  };

  const images: GeneratedImage[] = [];
  for (let image = 0; image < recipe.count; image++) {
    // 4. Pure noise, the same that torch draws for this seed.
    const seed = BigInt.asUintN(64, recipe.seed + BigInt(image));
    const noise = torchGenerator(seed).randn(model.latentChannels * h * w);
    const latents = { data: pack(noise, model.latentChannels, h, w), dims: [1, rows * columns, features] };

    // 5. Denoise: follow the velocity from σ = 1 to σ = 0.
    for (let step = 0; step < steps; step++) {
      const v = await velocity(latents, step);
      const [sigma, next] = [sigmas[step]!, sigmas[step + 1]!];
      eulerStep(latents.data, v, sigma, next);
      await hooks.onStep?.({
        image,
        step: step + 1,
        steps,
        sigma: next,
        preview: async () => {
          const estimate = latents.data.map((x, i) => x - next * v[i]!); // where this velocity would lead
          return (await previewer())(unpack(estimate, model.latentChannels, h, w), w, h);
        },
      });
    }

    // 6. Latents → picture.
    hooks.signal?.throwIfAborted();
    const planes = await model.decodeLatents(unpack(latents.data, model.latentChannels, h, w), h, w);
    const finished = { ...toRgb(planes, width, height), seed };
    images.push(finished);
    await hooks.onImage?.(finished, image);
  }
  return images;
}

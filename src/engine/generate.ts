import { guide } from "./guidance.ts";
import { pack, unpack } from "./latents.ts";
import { torchGenerator } from "./noise/torch-generator.ts";
import { toRgb } from "./pixels.ts";
import type { Previewer } from "./preview.ts";
import type { Model } from "./qwen-image/model.ts";
import { jointRotary, type RotaryTable } from "./qwen-image/rope.ts";
import type { HostTensor } from "./runtime/session.ts";
import { euler } from "./schedulers/euler.ts";
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
  const tokens = rows * columns;
  const sigmas = flowSigmas(steps, tokens, model.scheduler);
  const modulation = await modulationsOf(model, sigmas.slice(0, steps));

  // 3. The velocity at a noise level, guided away from the negative prompt.
  const features = model.latentChannels * 4;
  let latest: Float32Array = new Float32Array();
  const velocity = async (latents: Float32Array, sigma: number) => {
    const velocities = [];
    for (const { text, rotary } of conditions) {
      hooks.signal?.throwIfAborted();
      const packed = { data: latents, dims: [1, tokens, features] };
      velocities.push(await model.velocity(packed, text, rotary, await modulation(sigma))); // [1, L, features]
    }
    const [positive, negative] = velocities as [Float32Array, Float32Array?];
    latest = negative ? guide(positive, negative, guidance, features) : positive;
    return latest;
  };

  const images: GeneratedImage[] = [];
  for (let image = 0; image < recipe.count; image++) {
    // 4. Pure noise, the same that torch draws for this seed.
    const seed = BigInt.asUintN(64, recipe.seed + BigInt(image));
    const generator = torchGenerator(seed);
    const noise = () => pack(generator.randn(model.latentChannels * h * w), model.latentChannels, h, w);
    let latents = noise(); // [L, features]

    // 5. Denoise: follow the velocity from σ = 1 to σ = 0.
    const solver = euler({ sigmas, velocity, gaussian: noise });
    for (let step = 0; step < steps; step++) {
      latents = await solver.step(latents, step);
      const sigma = sigmas[step + 1]!;
      const estimate = () =>
        unpack(
          latents.map((x, i) => x - sigma * latest[i]!),
          model.latentChannels,
          h,
          w,
        );
      const preview = async () => (await previewer())(estimate(), w, h);
      await hooks.onStep?.({ image, step: step + 1, steps, sigma, preview });
    }

    // 6. Latents → picture.
    hooks.signal?.throwIfAborted();
    const planes = await model.decodeLatents(unpack(latents, model.latentChannels, h, w), h, w);
    const finished = { ...toRgb(planes, width, height), seed };
    images.push(finished);
    await hooks.onImage?.(finished, image);
  }
  return images;
}

/** Modulations of all scheduled noise levels in one run; a solver's levels in between are added as it asks for them. */
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

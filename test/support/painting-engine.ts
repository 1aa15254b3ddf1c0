import type { Engine } from "../../src/drawing/index.ts";
import type { GeneratedImage, GenerateParams } from "../../src/engine/index.ts";

const noPreview = () => Promise.reject(new Error("there is none"));

/** An engine that paints whole pictures in the bytes `colour` gives for a seed, red unless told otherwise, and remembers what it was asked. */
export function paintingEngine(
  colour: (seed: bigint) => readonly [number, number, number] = () => [255, 0, 0],
): Engine & { readonly asked: GenerateParams[] } {
  const asked: GenerateParams[] = [];
  return {
    asked,
    async generate(params, hooks) {
      asked.push(params);
      const { width, height } = params;
      const images: GeneratedImage[] = [];
      for (let i = 0; i < (params.count ?? 1); i++) {
        const seed = params.seed! + BigInt(i);
        const steps = Math.max(1, Math.trunc((params.steps ?? 1) * (params.strength ?? 1)));
        for (let step = 1; step <= steps; step++)
          await hooks?.onStep?.({ image: i, step, steps, sigma: 1 - step / steps, preview: noPreview });
        const bytes = colour(seed);
        const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => bytes[at % 3]!);
        images.push({ width, height, pixels, seed });
        await hooks?.onImage?.(images[i]!, i);
      }
      return images;
    },
  };
}

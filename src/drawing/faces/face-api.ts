import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { detectAllFaces, nets, SsdMobilenetv1Options } from "@vladmandic/face-api/dist/face-api.node-wasm.js";
import type { RgbImage } from "../../pictures/index.ts";
import { pictureTensor, useWebAssembly } from "../tensorflow/wasm.ts";
import { type Face, MAX_FACES } from "./face.ts";

const MARGIN = 1e-6;

/** Loads face-api's detector (SSD on MobileNet V1, 512×512), whose weights come with the package. It computes on the calling thread. */
export async function loadFaceApi(): Promise<(image: RgbImage, confidence: number) => Promise<Face[]>> {
  await useWebAssembly();
  const library = createRequire(import.meta.url).resolve("@vladmandic/face-api/package.json");
  await nets.ssdMobilenetv1.loadFromDisk(join(dirname(library), "model"));
  return async (image, confidence) => {
    const picture = pictureTensor(image);
    try {
      // The library takes neither 0 nor 1, and leaves out scores equal to the threshold; the caller keeps to the exact one.
      const minConfidence = Math.min(1 - MARGIN, Math.max(MARGIN, confidence - MARGIN));
      const options = new SsdMobilenetv1Options({ minConfidence, maxResults: MAX_FACES });
      const found = await detectAllFaces(picture as never, options);
      return found.map(({ box: { left, top, width, height }, score }) => ({
        box: { left, top, width, height },
        score,
      }));
    } finally {
      picture.dispose();
    }
  };
}

import { load, type NSFWJS } from "nsfwjs/core";
import { MobileNetV2MidModel } from "nsfwjs/models/mobilenet_v2_mid";
import type { RgbImage } from "../../pictures/index.ts";
import { pictureTensor, useWebAssembly } from "../tensorflow/wasm.ts";
import type { SafetyScores } from "./classes.ts";

/** A loaded classifier. It computes on the calling thread. */
export type Classifier = (image: RgbImage) => Promise<SafetyScores>;

/** Loads nsfwjs' middle model (MobileNet V2, 224×224), whose weights come with the package. */
export async function loadClassifier(): Promise<Classifier> {
  await useWebAssembly();
  const model: NSFWJS = await load("MobileNetV2Mid", { modelDefinitions: [MobileNetV2MidModel] });
  return async (image) => {
    const picture = pictureTensor(image);
    try {
      const classes = await model.classify(picture);
      return Object.fromEntries(classes.map(({ className, probability }) => [className, probability])) as SafetyScores;
    } finally {
      picture.dispose();
    }
  };
}

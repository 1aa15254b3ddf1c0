import { fileURLToPath } from "node:url";
import { openOnnxFile, type SessionOptions } from "../../onnx/index.ts";
import type { RgbImage } from "../../pictures/index.ts";
import { fillPlanes, samples } from "../network-input.ts";
import { SAFETY_CLASSES, type SafetyScores } from "./policy.ts";

/** Pixels a side that the network takes. */
const SIDE = 224;

/** MobileNet V2 with the weights of nsfwjs' middle model, as `reference/finishing_networks.py` writes it. */
const FILE = fileURLToPath(new URL("../../../assets/safety.onnx", import.meta.url));

/** A loaded classifier. It computes on the calling thread. */
export interface SafetyClassifier {
  /** Stretches a picture of any size to 224×224 and scores it. */
  classify(image: RgbImage): Promise<SafetyScores>;
  release(): Promise<void>;
}

/** Opens the safety classifier. */
export async function openSafetyClassifier(options: SessionOptions = {}): Promise<SafetyClassifier> {
  const file = await openOnnxFile(FILE, options);
  return {
    async classify(image) {
      const planes = { width: SIDE, height: SIDE, data: new Float32Array(3 * SIDE * SIDE) };
      const columns = samples(image.width, SIDE, "corners");
      const rows = samples(image.height, SIDE, "corners");
      fillPlanes(image, { columns, rows }, planes);
      const { scores } = await file.run({ image: { data: planes.data, dims: [1, 3, SIDE, SIDE] } });
      return Object.fromEntries(SAFETY_CLASSES.map((name, i) => [name, scores!.data[i]!])) as Record<
        (typeof SAFETY_CLASSES)[number],
        number
      >;
    },
    release: () => file.release(),
  };
}

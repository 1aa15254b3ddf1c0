import { fileURLToPath } from "node:url";
import { openOnnxFile, type SessionOptions } from "../onnx/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import { SAFETY_CLASSES, type SafetyPolicy, type SafetyRule, type SafetyScores } from "../settings/index.ts";
import { fillPlanes, samples } from "./network-input.ts";

/** The classes exclude each other, so the sum is the probability that the image belongs to one of them. */
export function isUnsafe(scores: SafetyScores, { classes, threshold }: SafetyRule): boolean {
  return classes.reduce((sum, name) => sum + scores[name], 0) >= threshold;
}

/** Side of the network's input, in pixels. */
const SIDE = 224;

/** MobileNet V2 with the weights of nsfwjs' middle model, written by `reference/finishing_networks.py`. */
const FILE = fileURLToPath(new URL("../../assets/safety.onnx", import.meta.url));

/** A loaded classifier. It computes on the calling thread. */
export interface SafetyClassifier {
  /** Stretches an image of any size to 224×224 and scores it. */
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

/** How to check images. `asked` says that the task requested it, so that its result may include the verdict. */
export interface SafetyStage {
  readonly rule: SafetyRule;
  readonly policy: SafetyPolicy;
  readonly asked: boolean;
}

/** The result of a check. */
export interface SafetyReport {
  readonly scores: SafetyScores;
  /** True when the scores break the rule. */
  readonly flagged: boolean;
}

/** An image that the operator's policy does not deliver. */
export class PictureRefused extends Error {
  override readonly name = "PictureRefused";
  /** Of the image within its drawing, from 0. */
  readonly index: number;
  constructor(index: number) {
    super(`image ${index + 1} was refused by the safety check`);
    this.index = index;
  }
}

/**
 * Checks a finished image and applies the operator's policy.
 * @param index of the image within its drawing
 * @returns the image to deliver; grey when it is withheld
 * @throws PictureRefused when the policy refuses it
 */
export async function checkPicture<Picture extends RgbImage>(
  picture: Picture,
  index: number,
  { rule, policy, asked }: SafetyStage,
  classifier: Pick<SafetyClassifier, "classify">,
): Promise<{ picture: Picture; findings: { safety: SafetyReport; NSFWContent?: boolean } }> {
  const scores = await classifier.classify(picture);
  const flagged = isUnsafe(scores, rule);
  if (flagged && policy === "refuse") throw new PictureRefused(index);
  const pixels = flagged && policy === "withhold" ? grey(picture) : picture.pixels;
  return {
    picture: { ...picture, pixels },
    findings: { safety: { scores, flagged }, NSFWContent: asked ? flagged : undefined },
  };
}

function grey({ width, height }: RgbImage): Uint8Array {
  return new Uint8Array(width * height * 3).fill(128);
}

import type { RgbImage } from "../../pictures/index.ts";
import type { SafetyClassifier } from "./classifier.ts";
import { isUnsafe, type SafetyPolicy, type SafetyRule, type SafetyScores } from "./policy.ts";

/** How pictures are checked; `asked` says whether the result may be told. */
export interface SafetyStage {
  readonly rule: SafetyRule;
  readonly policy: SafetyPolicy;
  readonly asked: boolean;
}

/** What a check found. */
export interface SafetyReport {
  readonly scores: SafetyScores;
  /** Whether the scores break the rule. */
  readonly flagged: boolean;
}

/** A picture that the operator's policy does not hand over. */
export class PictureRefused extends Error {
  override readonly name = "PictureRefused";
  /** Of the picture within its drawing, from 0. */
  readonly index: number;
  constructor(index: number) {
    super(`picture ${index + 1} was refused by the safety check`);
    this.index = index;
  }
}

/**
 * Checks a finished picture and treats it by the operator's policy.
 * @param index of the picture within its drawing
 * @returns the picture to deliver, grey all over when it is withheld
 * @throws PictureRefused
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

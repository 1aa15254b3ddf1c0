import type { Command } from "commander";

/** Flags for what is done with pictures after drawing: faces and safety. Text as typed. */
export interface FinishingFlags {
  readonly faces?: true;
  readonly faceConfidence?: string;
  readonly facePadding?: string;
  readonly faceBlur?: string;
  readonly facePrompt?: string;
  readonly faceNegative?: string;
  readonly faceSteps?: string;
  readonly faceCfg?: string;
  readonly faceStrength?: string;
  readonly safety?: true;
}

/** Which flag stands for which parameter of the task. */
export const finishingFlagOf: Readonly<Record<string, string>> = {
  "advancedFeatures.ultralytics.confidence": "--face-confidence",
  "advancedFeatures.ultralytics.maskPadding": "--face-padding",
  "advancedFeatures.ultralytics.maskBlur": "--face-blur",
  "advancedFeatures.ultralytics.positivePrompt": "--face-prompt",
  "advancedFeatures.ultralytics.negativePrompt": "--face-negative",
  "advancedFeatures.ultralytics.steps": "--face-steps",
  "advancedFeatures.ultralytics.CFGScale": "--face-cfg",
  "advancedFeatures.ultralytics.strength": "--face-strength",
  "safety.checkContent": "--safety",
};

export function addFinishingOptions(command: Command): Command {
  return command
    .option("--faces", "find faces and draw them again with more detail; any --face-… flag does so too")
    .option("--face-confidence <n>", "how sure the detector must be, 0 to 1 (default: 0.9)")
    .option("--face-padding <pixels>", "pixels around a face that are drawn with it, 0 to 20 (default: 5)")
    .option("--face-blur <pixels>", "softness of the mask's border, 0 to 100 (default: 5)")
    .option("--face-prompt <text>", "what the faces should show (default: the prompt)")
    .option("--face-negative <text>", "what they should not show (default: --negative)")
    .option("--face-steps <n>", "denoising steps for each face, 1 to 100 (default: 20)")
    .option("--face-cfg <scale>", "guidance for the faces, 0 to 50 (default: 8)")
    .option("--face-strength <n>", "how much of a face may change, 0 to 1 (default: 0.3)")
    .option("--safety", "check pictures for unsafe content (INKSTONE_SAFETY_POLICY says what becomes of such)");
}

/**
 * The groups of the task that the flags ask for; undefined where none does.
 * @param number reads a number where the text is one
 */
export function finishingFromFlags(flags: FinishingFlags, number: (text: string | undefined) => unknown) {
  const face = Object.entries({
    confidence: number(flags.faceConfidence),
    maskPadding: number(flags.facePadding),
    maskBlur: number(flags.faceBlur),
    positivePrompt: flags.facePrompt,
    negativePrompt: flags.faceNegative,
    steps: number(flags.faceSteps),
    CFGScale: number(flags.faceCfg),
    strength: number(flags.faceStrength),
  }).filter(([, value]) => value !== undefined);
  return {
    advancedFeatures: flags.faces || face.length > 0 ? { ultralytics: Object.fromEntries(face) } : undefined,
    safety: flags.safety && { checkContent: true },
  };
}

/**
 * The classes of the safety classifier, in output order: illustrations, illustrated pornography, everyday photos,
 * pornography, suggestive photos.
 */
export const SAFETY_CLASSES = ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"] as const;
export type SafetyClass = (typeof SAFETY_CLASSES)[number];

/** The probability of each class, 0…1. They sum to 1. */
export type SafetyScores = Readonly<Record<SafetyClass, number>>;

/** The rule that makes an image unsafe. */
export interface SafetyRule {
  /** The classes that count as unsafe. */
  readonly classes: readonly SafetyClass[];
  /** The least sum of their probabilities, 0…1, that makes an image unsafe. */
  readonly threshold: number;
}

/**
 * The treatment of an unsafe image: deliver and mark it, replace it with a blank image and mark it, or fail with an
 * error.
 */
export const SAFETY_POLICIES = ["deliver", "withhold", "refuse"] as const;
export type SafetyPolicy = (typeof SAFETY_POLICIES)[number];

export const DEFAULT_SAFETY_RULE: SafetyRule = { classes: ["Porn", "Hentai"], threshold: 0.7 };

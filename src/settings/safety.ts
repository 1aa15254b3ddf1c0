/** What the classifier tells apart, in the order of its outputs: drawings, drawn pornography, everyday pictures, pornography, suggestive pictures. */
export const SAFETY_CLASSES = ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"] as const;
export type SafetyClass = (typeof SAFETY_CLASSES)[number];

/** Probability of each class, 0…1; together 1. */
export type SafetyScores = Readonly<Record<SafetyClass, number>>;

/** When a picture counts as unsafe. */
export interface SafetyRule {
  /** The classes that count. */
  readonly classes: readonly SafetyClass[];
  /** The probability, 0…1, from which their sum counts. */
  readonly threshold: number;
}

/** What becomes of an unsafe picture: delivered and marked, replaced by an empty one and marked, or refused with an error. */
export const SAFETY_POLICIES = ["deliver", "withhold", "refuse"] as const;
export type SafetyPolicy = (typeof SAFETY_POLICIES)[number];

export const DEFAULT_SAFETY_RULE: SafetyRule = { classes: ["Porn", "Hentai"], threshold: 0.7 };

/** What the classifier tells apart: drawings, drawn pornography, everyday pictures, pornography, suggestive pictures. */
export const SAFETY_CLASSES = ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"] as const;
export type SafetyClass = (typeof SAFETY_CLASSES)[number];

/** Probability of each class, 0…1; together 1. */
export type SafetyScores = Readonly<Record<SafetyClass, number>>;

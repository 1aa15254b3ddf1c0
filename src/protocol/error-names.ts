/** The names of errors that belong to a parameter, as the live API forms them. */

/** Groups that exist only for nesting: `inputs.seedImage` gives `invalidSeedImage`. */
const NESTING = new Set(["inputs", "settings", "advancedFeatures"]);

/** `invalidWidth`, `invalidLoraWeight`, `invalidUltralyticsSteps` … */
export const invalidCode = (path: string): `invalid${string}` => `invalid${codeName(path)}`;

/** `missingPositivePrompt`, `missingControlNetGuideImage` … */
export const missingCode = (path: string): `missing${string}` => `missing${codeName(path)}`;

function codeName(path: string): string {
  const parts = names(path);
  const shown = parts.length > 1 && NESTING.has(parts[0]!) ? parts.slice(1) : parts;
  return shown.map((part) => part[0]!.toUpperCase() + part.slice(1)).join("");
}

/** The path without list positions: `lora.0.weight` becomes `lora.weight`. */
export const withoutPositions = (path: string): string => names(path).join(".");

const names = (path: string): string[] => path.split(".").filter((part) => !/^\d+$/.test(part));

/** "Positive prompt", "CFG scale", "Webhook URL": how a message calls a parameter. */
export function label(path: string): string {
  const parts = names(path);
  const words = parts.at(-1)!.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? [parts.at(-1)!];
  const text = words.map((word) => (/^[A-Z]{2,}$/.test(word) ? word : word.toLowerCase())).join(" ");
  return text[0]!.toUpperCase() + text.slice(1);
}

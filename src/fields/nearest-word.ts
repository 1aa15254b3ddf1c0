import { distance } from "fastest-levenshtein";

/** Of a word's letters, more than this share are no slip of the finger. */
const MOST_WRONG = 0.4;

/** The known word that a misspelt one most likely stands for, whatever its letter case; undefined when none is near. */
export function nearestWord(given: string, known: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly off: number } | undefined;
  for (const word of known) {
    const off = distance(given.toLowerCase(), word.toLowerCase());
    if (off <= MOST_WRONG * word.length && (best === undefined || off < best.off)) best = { word, off };
  }
  return best?.word;
}

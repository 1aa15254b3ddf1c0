import { distance } from "fastest-levenshtein";

/** A correction may change at most this share of the letters. Anything further away is another word, not a typo. */
const MOST_WRONG = 0.4;

/** The known word closest to a misspelt one, ignoring letter case; undefined if none is close enough. */
export function nearestWord(given: string, known: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly off: number } | undefined;
  for (const word of known) {
    const off = distance(given.toLowerCase(), word.toLowerCase());
    if (off <= MOST_WRONG * word.length && (best === undefined || off < best.off)) best = { word, off };
  }
  return best?.word;
}

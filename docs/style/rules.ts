/** The style guide of CONTRIBUTING.md as data. */

/** Words a sentence may have. A code span counts as one word. */
export const MAX_WORDS = 25;

/** A phrase that is not allowed, and what to write instead. Letter case does not matter. */
export interface Phrase {
  readonly pattern: RegExp;
  readonly instead: string;
}

const phrase = (pattern: string, instead: string): Phrase => ({ pattern: new RegExp(pattern, "giu"), instead });

/** Translated or literary turns. */
export const PHRASES: readonly Phrase[] = [
  phrase("\\banew\\b|\\bafresh\\b", "again"),
  phrase("\\b(?:of|on) (?:its|their|his|one's) own\\b", "its own …, a separate …"),
  phrase("\\bas (?:it|they) (?:is|are|was|were|stands?|comes?)\\b", "unchanged, directly"),
  phrase(
    "\\b(?:is|are|was|were|be|been|being|gets?) told\\b|\\btells?\\b(?! apart)(?! them apart)",
    "report, state, show",
  ),
  phrase("\\bso (?:many|much) (?=\\w+s\\b)(?!that)", "the number"),
  phrase(
    "\\b(?:wrongly|was|is|are|been|nobody|somebody|has) asked\\b|(?<!request |task )\\basked for\\b",
    "requested, used wrongly",
  ),
  phrase("\\bnobody\\b|\\bsomebody\\b|\\bwhoever\\b|\\bwhichever\\b", "name the client, user or process"),
  phrase("\\bbrings? along\\b|\\bcomes? along\\b|\\bbrought along\\b", "includes, contains"),
  phrase("\\bput right\\b|\\bmend(?:s|ed|ing)?\\b", "fix, correct, normalise"),
  phrase("\\bhand(?:s|ed|ing)? in\\b", "submit"),
  phrase("\\b(?:goes|go|went) on\\b", "continues"),
  phrase("\\bin hand\\b|\\bat hand\\b", "running, available"),
  phrase("\\bworked off\\b", "processed"),
  phrase("\\bstands? for\\b", "means, names"),
  phrase("\\b(?:its|their|your) doing\\b", "caused it"),
  phrase("\\bheld to be\\b|\\bbear(?:s)?\\b", "counts as, supports"),
  phrase("\\bthere are none\\b", "name the thing: no … exists"),
  phrase("\\bwithout a word\\b|\\bdoes not say\\b", "by default, does not set"),
  phrase("\\bmuch the same\\b|\\bas good as\\b", "say what differs"),
  phrase("\\bwe\\b|\\bour\\b|\\bours\\b", "you, or name the part"),
];

/** Sentences do not open with a clause: "Who comes late waits" is "A late client waits". Questions may. */
export const OPENINGS = /^(?:who|what|whoever|whatever|whether|which)\b(?!.*\?$)/iu;

/** One term for each thing: the term, and the words that it replaces. */
export const TERMS: readonly Phrase[] = [
  phrase("\\bpictures?\\b", "image"),
  phrase("\\bphotograph(?:s)?\\b", "photo"),
  phrase("\\b(?:draw|draws|drawn|drew)\\b|\\bdrawing(?= )(?!s)", "generate"),
  phrase("\\bAPI-keys?\\b|\\bpasswords?\\b", "API key, key"),
  phrase("\\bpostgres\\b(?!:)|\\bpostgresql\\b(?<!PostgreSQL)", "PostgreSQL"),
  phrase("\\bcommand-line\\b", "command line"),
  phrase("\\bclear parts?\\b|\\bclear pixels?\\b", "transparent"),
];

import type { Model } from "../models/index.ts";

/**
 * Text in the quotes that the training data of the bundled checkpoint uses. An apostrophe inside a word is not a quote.
 */
const QUOTED = /"[^"\n]+"|“[^”\n]+”|「[^」\n]+」|『[^』\n]+』|(?<![\p{L}\p{N}])'[^'\n]+'(?![\p{L}\p{N}])/u;

/** Advice for a prompt that the bundled checkpoint cannot follow: it generates lettering only. */
export function letteringAdvice({ origin }: Model, prompt: string): string | undefined {
  if (origin !== "bundled" || QUOTED.test(prompt)) return undefined;
  return (
    `the bundled checkpoint generates signs and lettering only, with the text in quotes ('A red sign that says "CAT"'). ` +
    "For other images, get the real model: inkstone models pull Qwen/Qwen-Image"
  );
}

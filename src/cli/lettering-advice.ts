import type { Model } from "../models/index.ts";

/** Text in the quotes that the bundled checkpoint was trained on; an apostrophe inside a word is none. */
const QUOTED = /"[^"\n]+"|“[^”\n]+”|「[^」\n]+」|『[^』\n]+』|(?<![\p{L}\p{N}])'[^'\n]+'(?![\p{L}\p{N}])/u;

/** What to say when the bundled checkpoint, which draws nothing but lettering, is asked for something else. */
export function letteringAdvice({ origin }: Model, prompt: string): string | undefined {
  if (origin !== "bundled" || QUOTED.test(prompt)) return undefined;
  return (
    `the bundled checkpoint draws signs and lettering only, with the text in quotes ('A red sign that says "CAT"'); ` +
    "for other pictures get the real model: inkstone models pull Qwen/Qwen-Image"
  );
}

/** The style guide as one rule of textlint. */

import type { TxtNode } from "@textlint/ast-node-types";
import type { TextlintRuleModule } from "@textlint/types";
import { PROSE_NODES, type Prose, proseOf, sentencesOf, wordsOf } from "./prose.ts";
import { MAX_WORDS, OPENINGS, PHRASES, type Phrase, TERMS } from "./rules.ts";

/** Examples of the style guide name what they forbid, in quotation marks. */
const QUOTED = /"[^"]*"|“[^”]*”/g;

/** Headings of tables may be short clauses: "what to do". */
const SHORT = 6;

interface Finding {
  readonly at: number;
  readonly message: string;
}

/** @param isTitle titles of tests may not open with a clause, however short they are */
export function findings({ text }: Pick<Prose, "text">, { isTitle = false } = {}): Finding[] {
  const unquoted = text.replace(QUOTED, (quoted) => `"${"_".repeat(quoted.length - 2)}"`);
  const matches = (phrases: readonly Phrase[], kind: string) =>
    phrases.flatMap(({ pattern, instead }) =>
      [...unquoted.matchAll(pattern)].map((match) => ({
        at: match.index,
        message: `${kind} "${match[0].trim()}": write ${instead}`,
      })),
    );
  const sentences = sentencesOf(unquoted).flatMap((sentence): Finding[] => {
    const words = wordsOf(sentence.text).length;
    const long = { at: sentence.at, message: `${words} words in a sentence; at most ${MAX_WORDS}` };
    const opening = { at: sentence.at, message: `begins with "${sentence.text.split(" ")[0]}": name the thing first` };
    return [
      ...(words > MAX_WORDS ? [long] : []),
      ...(OPENINGS.test(sentence.text) && (isTitle || words > SHORT) ? [opening] : []),
    ];
  });
  return [...matches(PHRASES, "phrase"), ...matches(TERMS, "term"), ...sentences];
}

export const styleRule: TextlintRuleModule<{ readonly isTitle?: boolean }> = (
  { RuleError, locator, report },
  options = {},
) => {
  const check = (node: TxtNode) => {
    const prose = proseOf(node);
    for (const { at, message } of findings(prose, options)) {
      const index = (prose.origin[at] ?? node.range[0]) - node.range[0];
      report(node, new RuleError(message, { padding: locator.at(index) }));
    }
  };
  return Object.fromEntries(PROSE_NODES.map((type) => [type, check]));
};

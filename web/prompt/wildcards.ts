/** `{red|blue}` in a prompt: one prompt for each choice. */

/** Most prompts; more are refused. */
export const MOST_PROMPTS = 100;

/** The innermost group with a choice. Braces without `|` are plain text. */
const GROUP = /\{([^{}]*\|[^{}]*)\}/;

/**
 * Every prompt that the choices give, in reading order: the last group varies fastest. Groups may contain groups. It makes at most `limit`
 * prompts. A prompt without groups gives itself.
 */
export function expandWildcards(prompt: string, limit = MOST_PROMPTS): readonly string[] {
  let prompts = [prompt];
  for (;;) {
    const open = prompts.findIndex((candidate) => GROUP.test(candidate));
    if (open === -1) return [...new Set(prompts)].slice(0, limit);
    const candidate = prompts[open]!;
    const { 0: group, 1: choices = "", index = 0 } = GROUP.exec(candidate)!;
    const made = choices
      .split("|")
      .map((choice) => candidate.slice(0, index) + choice.trim() + candidate.slice(index + group.length));
    prompts = [...prompts.slice(0, open), ...made, ...prompts.slice(open + 1)].slice(0, limit);
  }
}

export const hasWildcards = (prompt: string): boolean => GROUP.test(prompt);

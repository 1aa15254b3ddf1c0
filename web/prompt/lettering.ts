/** Quoted words of a prompt: the lettering in the image. */

export interface Span {
  readonly text: string;
  readonly lettering: boolean;
}

const QUOTED = /"[^"\n]+"|“[^”\n]+”|「[^」\n]+」|『[^』\n]+』/g;

/** Splits the prompt into parts, in order. Joined they are the prompt. */
export function spansOf(prompt: string): readonly Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const { 0: text, index } of prompt.matchAll(QUOTED)) {
    if (index > end) spans.push({ text: prompt.slice(end, index), lettering: false });
    spans.push({ text, lettering: true });
    end = index + text.length;
  }
  if (end < prompt.length) spans.push({ text: prompt.slice(end), lettering: false });
  return spans;
}

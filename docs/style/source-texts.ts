/** Docstrings of TypeScript, as Markdown whose lines are those of the file. */

const DOCSTRING = /\/\*\*[\s\S]*?\*\//g;

export function docstrings(source: string): string {
  const kept = [...source.matchAll(DOCSTRING)].map(({ 0: text, index }) => ({ from: index, to: index + text.length }));
  let out = "";
  let end = 0;
  for (const { from, to } of kept) {
    out += onlyNewlines(source.slice(end, from)) + unwrapped(source.slice(from, to));
    end = to;
  }
  return out + onlyNewlines(source.slice(end));
}

const onlyNewlines = (text: string): string => text.replace(/[^\n]/g, "");

/** Without the stars and examples. A tag such as `@throws` begins a list item, and its name is none of the prose. */
const unwrapped = (comment: string): string =>
  comment
    .slice(3, -2)
    .replace(/^[ \t]*\* ?/gm, "")
    .replace(/^@example\b[\s\S]*/m, onlyNewlines)
    .replace(/^[ \t]*@(?:param|typeParam|returns|throws)\b(?: [\w.]+(?= ))?/gm, "-")
    .replace(/@(?:param|returns|throws)\b/g, "")
    .replace(/\{@link (\w+)\}/g, "`$1`");

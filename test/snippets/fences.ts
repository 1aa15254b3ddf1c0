/** The fenced blocks of the documentation. */

import { globSync, readFileSync } from "node:fs";

/** Languages that are run. */
export const RUN = ["sh", "bash", "ts", "javascript", "python"] as const;
/** Languages that are read and compared with what they describe, or that a reader only looks at. */
const SHOWN = ["json", "jsonl", "http", "yaml", "text", ""] as const;

/** One block between two lines of ```. */
export interface Fence {
  /** `docs/apps/clients.md` */
  readonly page: string;
  /** Of its first line of code. */
  readonly line: number;
  readonly language: (typeof RUN | typeof SHOWN)[number];
  /** What follows the language: `request`, `no-exit`, `no-run: needs a GPU`. */
  readonly marks: string;
  readonly code: string;
}

/** Every block of README.md and docs/, in the order of the page. */
export function fences(root: string): Fence[] {
  const pages = globSync(["README.md", "docs/**/*.md"], { cwd: root }).toSorted();
  return pages.flatMap((page) => fencesOf(page, readFileSync(`${root}/${page}`, "utf8")));
}

/** The first line of code that is indented instead of fenced: after an empty line, or an indented fence. */
const INDENTED = /^\n {4}|^.*\n +```/;

/** @throws Error at a language that the tests do not know, a block that does not end, or code that is indented instead of fenced */
export function fencesOf(page: string, text: string): Fence[] {
  const found: Fence[] = [];
  let open: { line: number; info: string; code: string[] } | undefined;
  let before = "";
  for (const [index, line] of text.split("\n").entries()) {
    if (open && line.trim() === "```") {
      found.push(fence(page, open));
      open = undefined;
    } else if (open) open.code.push(line);
    else if (line.startsWith("```")) open = { line: index + 2, info: line.slice(3).trim(), code: [] };
    else if (INDENTED.test(`${before}\n${line}`))
      throw new Error(`${page}:${index + 1}: put code between two lines of \`\`\`, so that it is run`);
    before = line;
  }
  if (open) throw new Error(`${page}:${open.line - 1}: the block does not end`);
  return found;
}

function fence(page: string, { line, info, code }: { line: number; info: string; code: string[] }): Fence {
  const [, word = "", marks = ""] = /^(\S*)\s*(.*)$/.exec(info)!;
  const language = [...RUN, ...SHOWN].find((known) => known === word);
  if (language === undefined) throw new Error(`${page}:${line - 1}: unknown language "${word}"`);
  return { page, line, language, marks, code: code.join("\n") };
}

/** Why a block is not run; undefined for one that is. */
export const reasonNotToRun = ({ marks }: Fence): string | undefined => /^no-run: (.+)$/.exec(marks)?.[1];

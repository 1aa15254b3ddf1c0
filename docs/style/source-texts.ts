/** The prose in TypeScript: docstrings, comments, and messages such as help texts, errors and log lines. Of tests, their titles. */

import { type Comment, parseSync } from "oxc-parser";

/** One text, as Markdown. */
export interface SourceText {
  readonly text: string;
  /** The line of its first character, from 1. */
  readonly line: number;
}

interface Part {
  readonly at: number;
  readonly text: string;
}

/** A node of the syntax tree. Only the properties that are read here. */
interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

/** Fewer words are names, values and keys. */
const FEWEST_WORDS = 3;

/** Statements of a database. */
const SQL = /^\s*(?:select|insert|update|delete|with|create|alter|drop|truncate|lock|and|where|exists|not exists)\b/;

/** Indented lines of a help text are commands and names. */
const COMMAND = /^ {2,}.*$/gm;

/** Replaces the value in a template. */
const VALUE = "`x`";

/**
 * All texts of a file in their order.
 *
 * @param file its name: `.tsx` may contain JSX
 * @throws Error if the source is not valid TypeScript
 */
export function sourceTexts(source: string, file = "source.ts"): SourceText[] {
  const { program, comments, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(errors[0]!.message);
  const parts = [...commentsOf(comments, source), ...messagesOf(program as unknown as SyntaxNode, source)];
  return parts
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, text }) => ({ text, line: source.slice(0, at).split("\n").length }));
}

/** `test`, `describe`, and functions that extend them, such as `testBehind`. */
const DECLARES_TESTS = /^(?:test|describe|it)(?:[A-Z]\w*)?$/;

/**
 * The titles of the tests in a file, in their order. Titles may be shorter than other texts.
 *
 * @param file its name: `.tsx` may contain JSX
 * @throws Error if the source is not valid TypeScript
 */
export function testTitles(source: string, file = "test.ts"): SourceText[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(errors[0]!.message);
  const titles: SourceText[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const { type, start, callee, arguments: given } = node as SyntaxNode;
    if (type === "CallExpression" && DECLARES_TESTS.test(nameOf(callee as SyntaxNode))) {
      const [title] = given as readonly SyntaxNode[];
      const text = title && literalOf(title);
      if (text !== undefined) titles.push({ text, line: source.slice(0, start).split("\n").length });
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(program);
  return titles;
}

/** `test` of `test.skipIf(…).each(…)` */
function nameOf({ type, name, object, callee, tag }: SyntaxNode): string {
  if (type === "Identifier") return name as string;
  const inner = object ?? callee ?? tag;
  return inner === undefined ? "" : nameOf(inner as SyntaxNode);
}

/** Block comments, and line comments joined with those directly below them. */
function commentsOf(comments: readonly Comment[], source: string): Part[] {
  const parts: (Part & { readonly end: number; readonly isLine: boolean })[] = [];
  for (const { type, start, end, value } of comments) {
    const last = parts.at(-1);
    const isLine = type === "Line";
    if (isLine && last?.isLine && /^\n[ \t]*$/.test(source.slice(last.end, start)))
      parts[parts.length - 1] = { ...last, text: `${last.text}\n${value.trim()}`, end };
    else parts.push({ at: start, text: isLine ? value.trim() : unwrapped(value), end, isLine });
  }
  return parts.filter(({ text }) => !/^(?:biome-ignore|@ts-)/.test(text));
}

/** Without the stars and examples. A tag such as `@throws` begins a list item, and its name is not part of the prose. */
const unwrapped = (comment: string): string =>
  comment
    .replace(/^\*/, "")
    .replace(/^[ \t]*\* ?/gm, "")
    .replace(/^@example\b[\s\S]*/m, "")
    .replace(/^[ \t]*@(?:param|typeParam|returns|throws)\b(?: [\w.]+(?= ))?/gm, "-")
    .replace(/@(?:param|returns|throws)\b/g, "")
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .trimEnd();

/** Literals that contain sentences: strings, templates, and both joined with `+`. */
function messagesOf(program: SyntaxNode, source: string): Part[] {
  const parts: Part[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const syntax = node as SyntaxNode;
    if (syntax.type === "TaggedTemplateExpression" || isClass(syntax)) return;
    const text = literalOf(syntax);
    if (text !== undefined && isProse(text))
      parts.push({ at: syntax.start, text: text.replace(COMMAND, "").trimStart() });
    if (text !== undefined && syntax.type === "BinaryExpression") return;
    for (const value of Object.values(syntax)) visit(value);
  };
  visit(program);
  return parts.filter(({ at }) => !/\bfrom\s*$/.test(source.slice(at - 10, at)));
}

/** `class="button primary"` */
const isClass = ({ type, name }: SyntaxNode): boolean =>
  type === "JSXAttribute" && (name as { readonly name: unknown }).name === "class";

/** The text of a literal, with a placeholder for each value; undefined for other nodes. */
function literalOf(node: SyntaxNode): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type === "BinaryExpression" && node.operator === "+") {
    const [left, right] = [literalOf(node.left as SyntaxNode), literalOf(node.right as SyntaxNode)];
    return left === undefined || right === undefined ? undefined : left + right;
  }
  if (node.type !== "TemplateLiteral") return undefined;
  return (node.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join(VALUE);
}

function isProse(text: string): boolean {
  const words = text.replaceAll(VALUE, " ").match(/[A-Za-z]{2,}/g)?.length ?? 0;
  return (
    words >= FEWEST_WORDS &&
    /[a-z]{2,}[,.:;]? [^ ]/.test(text) &&
    !SQL.test(text) &&
    !/<\w+|<\||::|\bfunction\b/.test(text)
  );
}

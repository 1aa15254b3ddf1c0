/** Reference pages as data, and as Markdown. */

/** A piece of a page. Texts may hold `code`. */
export type Block =
  | { readonly heading: string; readonly level: 1 | 2 | 3; readonly anchors?: readonly string[] }
  | { readonly text: string }
  | { readonly list: readonly string[] }
  | { readonly code: string; readonly language: string }
  | { readonly columns: readonly string[]; readonly rows: readonly Row[] };

/** A row of a table; its anchors let error messages point at it. */
export interface Row {
  readonly cells: readonly string[];
  readonly anchors?: readonly string[];
}

/** A page as Markdown. */
export const asMarkdown = (blocks: readonly Block[]): string => `${blocks.map(markdown).join("\n\n")}\n`;

function markdown(block: Block): string {
  if ("heading" in block) return `${"#".repeat(block.level)} ${anchors(block.anchors)}${block.heading}`;
  if ("text" in block) return block.text;
  if ("list" in block) return block.list.map((item) => `- ${item}`).join("\n");
  if ("code" in block) return `\`\`\`${block.language}\n${block.code}\n\`\`\``;
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rows = block.rows.map(({ cells, anchors: ids }) => line([anchors(ids) + cells[0], ...cells.slice(1)]));
  return [line(block.columns), line(block.columns.map(() => "---")), ...rows].join("\n");
}

const anchors = (ids: readonly string[] = []): string => ids.map((id) => `<a id="${id}"></a>`).join("");

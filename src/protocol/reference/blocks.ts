/** Reference pages as data, and as Markdown and HTML. */

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

/** A page as HTML that needs nothing else. */
export const asHtml = (title: string, blocks: readonly Block[]): string =>
  `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
<main>
${blocks.map(html).join("\n")}
</main>
</html>
`;

function markdown(block: Block): string {
  if ("heading" in block) return `${"#".repeat(block.level)} ${anchors(block.anchors)}${block.heading}`;
  if ("text" in block) return block.text;
  if ("list" in block) return block.list.map((item) => `- ${item}`).join("\n");
  if ("code" in block) return `\`\`\`${block.language}\n${block.code}\n\`\`\``;
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rows = block.rows.map(({ cells, anchors: ids }) => line([anchors(ids) + cells[0], ...cells.slice(1)]));
  return [line(block.columns), line(block.columns.map(() => "---")), ...rows].join("\n");
}

function html(block: Block): string {
  if ("heading" in block) {
    return `<h${block.level}>${anchors(block.anchors)}${inline(block.heading)}</h${block.level}>`;
  }
  if ("text" in block) return `<p>${inline(block.text)}</p>`;
  if ("list" in block) return `<ul>${block.list.map((item) => `<li>${inline(item)}</li>`).join("")}</ul>`;
  if ("code" in block) return `<pre><code>${escapeHtml(block.code)}</code></pre>`;
  const cells = (tag: string, texts: readonly string[], ids?: readonly string[]) =>
    texts.map((text, index) => `<${tag}>${index === 0 ? anchors(ids) : ""}${inline(text)}</${tag}>`).join("");
  const rows = block.rows.map((row) => `<tr>${cells("td", row.cells, row.anchors)}</tr>`);
  return `<table><tr>${cells("th", block.columns)}</tr>\n${rows.join("\n")}</table>`;
}

const anchors = (ids: readonly string[] = []): string => ids.map((id) => `<a id="${id}"></a>`).join("");

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const inline = (text: string): string => escapeHtml(text).replace(/`([^`]+)`/g, "<code>$1</code>");

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
main { max-width: 72rem; margin: 0 auto; padding: 1rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8884 }
code { font-size: .95em; overflow-wrap: anywhere }
pre { padding: .8rem; overflow: auto; background: #8881 }
tr:has(:target) { background: #fc03 }
`;

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
<nav><details open><summary>Contents</summary>${contents(blocks)}</details></nav>
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
    const { level, heading } = block;
    return `<h${level} id="${sectionId(heading)}">${anchors(block.anchors)}${inline(heading)}</h${level}>`;
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

/** Anchors of sections begin so that they are none of the parameters' anchors. */
const sectionId = (heading: string): string =>
  `section-${heading
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")}`;

/** A list of the sections, those of the third level inside those of the second. */
function contents(blocks: readonly Block[]): string {
  const link = (heading: string) => `<a href="#${sectionId(heading)}">${inline(heading)}</a>`;
  const sections: { heading: string; inner: string[] }[] = [];
  for (const block of blocks) {
    if (!("heading" in block) || block.level === 1) continue;
    if (block.level === 2) sections.push({ heading: block.heading, inner: [] });
    else sections.at(-1)?.inner.push(block.heading);
  }
  const items = sections.map(({ heading, inner }) => {
    const below = inner.length > 0 ? `<ul>${inner.map((name) => `<li>${link(name)}</li>`).join("")}</ul>` : "";
    return `<li>${link(heading)}${below}</li>`;
  });
  return `<ul>${items.join("")}</ul>`;
}

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Code, and addresses of pages that this server has. */
const inline = (text: string): string =>
  escapeHtml(text)
    .replace(/`(\/(?:docs|openapi\.json|healthz|readyz|metrics))`/g, '<a href="$1"><code>$1</code></a>')
    .replace(/`([^`]+)`/g, "<code>$1</code>");

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { display: grid; grid-template-columns: minmax(0, 72rem); justify-content: center; gap: 0 2rem; margin: 0; padding: 1rem }
nav { font-size: .9rem }
nav ul { list-style: none; padding-left: 1rem; margin: 0 }
nav summary { font-weight: 600; cursor: pointer }
nav a { display: block; padding: .1rem 0; color: inherit; text-decoration: none; overflow-wrap: anywhere }
nav a:hover, nav a:focus-visible { text-decoration: underline }
h2, h3, tr { scroll-margin-top: 1rem }
main { min-width: 0 }
main :is(table, pre) { display: block; overflow-x: auto }
@media (min-width: 70rem) {
  body { grid-template-columns: 16rem minmax(0, 72rem) }
  nav { position: sticky; top: 1rem; align-self: start; max-height: calc(100vh - 2rem); overflow: auto }
}
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8884 }
code { font-size: .95em; overflow-wrap: anywhere }
pre { padding: .8rem; overflow: auto; background: #8881 }
tr:has(:target) { background: #fc03 }
`;

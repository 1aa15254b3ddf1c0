import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { MarkdownRenderer } from "vitepress";

const root = join(import.meta.dirname, "../..");

/** Pages at the root of the repository, and where the site has them. */
const ROOT_PAGES: Readonly<Record<string, string>> = {
  "ARCHITECTURE.md": "internals/architecture.md",
  "BENCHMARKS.md": "internals/benchmarks.md",
  "CHANGELOG.md": "changelog.md",
  "CONTRIBUTING.md": "internals/contributing.md",
  "README.md": "index.md",
  "SECURITY.md": "operators/security.md",
};

/** Where the site has a page of the repository. */
export const sitePath = (page: string): string => ROOT_PAGES[page] ?? page.replace(/^docs\//, "");

/**
 * Pages link to each other by their paths in the repository, so that the links work there too. The site has them elsewhere. Links to files
 * that it does not have, such as sources, become their text. A link to a missing file fails the build.
 */
export function siteLinks(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push("site-links", ({ tokens, env }) => {
    const page: string = env.realPath ?? env.path;
    for (const { children } of tokens) {
      const removed: boolean[] = [];
      for (const token of children ?? []) {
        if (token.type === "link_open") {
          const href = siteLink(token.attrGet("href") ?? "", page);
          removed.push(href === undefined);
          if (href !== undefined) token.attrSet("href", href);
        }
        const goes = token.type === "link_open" ? removed.at(-1) : token.type === "link_close" && removed.pop();
        if (goes) Object.assign(token, { type: "text", tag: "", nesting: 0, content: "" });
      }
    }
  });
}

/** The link in the site; undefined when the site does not have the file. */
function siteLink(href: string, page: string): string | undefined {
  const [path, anchor] = href.split("#", 2) as [string, string?];
  if (path === "" || /^(?:https?:|mailto:|\/)/.test(path)) return href;
  const file = join(dirname(page), decodeURI(path));
  if (!existsSync(file)) throw new Error(`${relative(root, page)} links to ${href}, which does not exist`);
  const name = relative(root, file);
  const isPage = name in ROOT_PAGES || (name.startsWith("docs/") && name.endsWith(".md"));
  return isPage ? `/${sitePath(name)}${anchor === undefined ? "" : `#${anchor}`}` : undefined;
}

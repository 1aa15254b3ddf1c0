import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** VitePress writes its first scripts into each page. The server's Content-Security-Policy allows files only, so they become files. */
export function externalScripts(base: string) {
  const files = new Map<string, string>();

  function replace(html: string): string {
    return html.replace(
      /<script(?: id="([\w-]+)")?>([\s\S]+?)<\/script>/g,
      (_, id: string | undefined, code: string) => {
        const hash = createHash("sha256").update(code).digest("hex").slice(0, 8);
        const name = `assets/${id ?? "inline"}.${hash}.js`;
        files.set(name, code);
        return `<script src="${base}${name}"></script>`;
      },
    );
  }

  async function write(folder: string): Promise<void> {
    await mkdir(join(folder, "assets"), { recursive: true });
    for (const [name, code] of files) await writeFile(join(folder, name), code);
  }

  return { replace, write };
}

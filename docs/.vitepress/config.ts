/** The documentation's site: `npm run docs:site`. The server serves it at /docs; any web server can serve it as files. */

import { defineConfig } from "vitepress";
import { externalScripts } from "./external-scripts.ts";
import { siteLinks, sitePath } from "./links.ts";
import { sidebar } from "./sidebar.ts";

const scripts = externalScripts("/docs/");

export default defineConfig({
  title: "Inkstone",
  description: "Qwen-Image on your own machine: server, command line and library in TypeScript",
  lang: "en",
  base: "/docs/",
  srcDir: "..",
  srcExclude: ["README.md", "{assets,bin,deploy,examples,models,out,packed,reference,src,test,web}/**"],
  outDir: "dist",
  cacheDir: "../node_modules/.cache/vitepress",
  rewrites: sitePath,
  cleanUrls: true,
  // The switch would add a style element, which the policy of the server does not allow.
  appearance: { disableTransition: false },
  head: [["link", { rel: "icon", href: "/docs/icon.svg", type: "image/svg+xml" }]],
  markdown: { config: siteLinks },
  transformHtml: scripts.replace,
  buildEnd: async ({ outDir }) => scripts.write(outDir),
  vite: { publicDir: "docs/.vitepress/public", logLevel: "warn", build: { chunkSizeWarningLimit: 2000 } },
  themeConfig: {
    search: { provider: "local" },
    nav: [
      { text: "API", link: "/reference/api" },
      { text: "Settings", link: "/reference/configuration" },
      { text: "Changelog", link: "/changelog" },
    ],
    sidebar,
    outline: [2, 3],
    externalLinkIcon: true,
    docFooter: { prev: "Previous", next: "Next" },
  },
});

/** The documentation's site as the server serves it: whole, small, offline, searchable, and within its policy. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMemoryApp } from "../contract/memory-app.ts";

const ROOT = join(import.meta.dirname, "../..");
const DIST = join(ROOT, "docs/dist");
const CHROMIUM = process.env.INKSTONE_TEST_CHROMIUM ?? "/usr/bin/chromium";
/** Bytes of the built site, compressed copies included. */
const MOST = 5_000_000;

let server: Awaited<ReturnType<typeof startMemoryApp>>;
let names: string[];

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ["docs/site.ts"], { cwd: ROOT });
  names = (await readdir(DIST, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  server = await startMemoryApp({}, { ports: { docsFolder: DIST } });
});
afterAll(async () => {
  server?.stop.abort();
  await server?.app.close();
});

test("it is small, and its pages contain no scripts and call no other host", async () => {
  const sizes = await Promise.all(names.map(async (name) => (await stat(name)).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST);
  const pages = names.filter((name) => name.endsWith(".html"));
  expect(pages.length).toBeGreaterThan(20);
  for (const page of pages) {
    const html = await readFile(page, "utf8");
    expect(html).not.toMatch(/<style|<script(?![^>]*src=)|(?:src|rel="[^"]*" href)="https?:/);
  }
});

test("/docs leads to the site, and every link of every page to an existing page and anchor", async () => {
  const { base } = server;
  const first = await fetch(`${base}/docs`, { redirect: "manual" });
  expect([first.status, first.headers.get("location")]).toEqual([302, "/docs/"]);
  const pages = new Map<string, { html: string; ids: Set<string> }>();
  const waiting = ["/docs/"];
  const broken: string[] = [];
  for (const path of waiting) {
    const reply = await fetch(base + path);
    if (reply.status !== 200) broken.push(path);
    expect(reply.headers.get("content-security-policy")).toMatch(/default-src 'none'.*script-src 'self';/);
    const html = await reply.text();
    pages.set(path, { html, ids: new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!)) });
    for (const [, href] of html.matchAll(/<a [^>]*href="([^"#]+)/g)) {
      if (href!.startsWith("/docs/") && !waiting.includes(href!)) waiting.push(href!);
    }
  }
  for (const [path, { html }] of pages) {
    for (const [, href, anchor] of html.matchAll(/<a [^>]*href="([^"#]*)#([^"]+)"/g)) {
      if (/^https?:/.test(href!)) continue;
      const target = pages.get(href === "" ? path : href!);
      if (!target?.ids.has(decodeURIComponent(anchor!)) && anchor !== "VPContent")
        broken.push(`${path}: ${href}#${anchor}`);
    }
  }
  expect(broken).toEqual([]);
  expect(pages.size).toBeGreaterThan(20);
});

test("a missing page answers 404 with the site's page for it, and nothing outside the folder is served", async () => {
  const { base } = server;
  const missing = await fetch(`${base}/docs/nothing`);
  expect([missing.status, missing.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
  expect((await fetch(`${base}/docs/..%2f..%2fpackage.json`)).status).toBe(404);
});

describe.skipIf(!existsSync(CHROMIUM))("in a browser", () => {
  let browser: Browser;
  const faults: string[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());

  async function open(path: string, colorScheme: "light" | "dark" = "light"): Promise<Page> {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(120_000);
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(server.base) && !request.url().startsWith("data:")) faults.push(request.url());
    });
    await page.goto(server.base + path);
    return page;
  }

  test("searches all pages and opens the result", async () => {
    const page = await open("/docs/");
    await page.click(".VPNavBarSearch button");
    await page.fill(".VPLocalSearchBox input", "webhookURL");
    await page.waitForSelector(".VPLocalSearchBox .result");
    await page.click(".VPLocalSearchBox .result >> nth=0");
    await page.waitForFunction("location.pathname !== '/docs/'");
    expect(await page.textContent("main")).toContain("webhookURL");
    expect(faults).toEqual([]);
  });

  test("is dark if the system is, and a switch changes that", async () => {
    const page = await open("/docs/reference/errors", "dark");
    await page.waitForFunction("document.documentElement.classList.contains('dark')");
    await page.click(".VPNavBar .VPSwitchAppearance");
    await page.waitForFunction("!document.documentElement.classList.contains('dark')");
    expect(faults).toEqual([]);
  });

  test("an error's link opens at the parameter", async () => {
    const page = await open("/docs/reference/api#request-width");
    const top = await page.waitForFunction(
      "document.getElementById('request-width').getBoundingClientRect().top < 300",
    );
    expect(await top.jsonValue()).toBe(true);
    expect(faults).toEqual([]);
  });
});

/** The built page: how large it is, and how it is served. */

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { startMemoryApp } from "../contract/memory-app.ts";
import { buildPage } from "./studio.ts";

const DIST = join(import.meta.dirname, "../../web/dist");
/** Bytes that may come before the page can be used, compressed. */
const FIRST_LOAD = 250_000;
const FIRST_SCRIPT = 50_000;

beforeAll(buildPage);

test("the first load is small: the page, its script and style, and the font", async () => {
  const html = await readFile(join(DIST, "index.html"), "utf8");
  const named = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
  const sizes = await Promise.all(
    named.map(async (path) => [path, gzipSync(await readFile(DIST + path)).length] as const),
  );
  const script = sizes.find(([path]) => path.endsWith(".js"))![1];
  const fonts = (await readdir(join(DIST, "assets"))).filter((name) => /latin-wght.*woff2$/.test(name));
  const font = (await stat(join(DIST, "assets", fonts[0]!))).size;
  const whole = sizes.reduce((sum, [, size]) => sum + size, html.length + font);
  expect(script).toBeLessThan(FIRST_SCRIPT);
  expect(whole).toBeLessThan(FIRST_LOAD);
});

test("it has no inline code, and no address of another host", async () => {
  const html = await readFile(join(DIST, "index.html"), "utf8");
  expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)| on\w+=|https?:\/\//);
});

test("screens, assets and the page are served with the policy; names of assets contain a hash", async () => {
  const { base, stop, app } = await startMemoryApp({}, { ports: { pageFolder: DIST } });
  const html = await (await fetch(base)).text();
  for (const path of [
    "/",
    "/pictures",
    "/edit/97784197-f610-40a8-9b6c-b62e5b6e2621",
    "/explore",
    "/models",
    "/server",
  ]) {
    const reply = await fetch(base + path);
    expect(reply.status).toBe(200);
    expect(await reply.text()).toBe(html);
    expect(reply.headers.get("content-security-policy")).toMatch(
      /default-src 'none'.*frame-ancestors 'none'.*require-trusted-types-for 'script'/,
    );
    expect(reply.headers.get("cache-control")).toBe("no-cache");
  }
  const script = /src="([^"]+\.js)"/.exec(html)![1]!;
  const reply = await fetch(base + script);
  expect(reply.headers.get("cache-control")).toContain("immutable");
  expect(reply.headers.get("content-type")).toContain("javascript");
  expect((await fetch(`${base}/assets/../../package.json`)).status).toBe(404);
  expect((await fetch(`${base}/assets/nothing.js`)).status).toBe(404);
  stop.abort();
  await app.close();
});

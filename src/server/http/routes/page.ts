/** The page at `/` and its files under `/assets`, with a policy that lets nothing in from elsewhere. */

import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** What the page may load and do. A frame of another site cannot show it, and no text in it becomes code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Paths that the page itself answers, besides `/`. */
const SCREENS = ["/edit", "/edit/:image", "/pictures", "/explore", "/models", "/server"];

const NOT_BUILT =
  "<!doctype html><meta charset=utf-8><title>Inkstone</title><p>The page is not built. In a clone: <code>npm run build</code>. The API is described at <a href=/docs>/docs</a>.";

interface Served {
  readonly type: string;
  readonly bytes: Buffer;
  readonly encoded: Readonly<Record<string, Buffer>>;
}

export interface PageFiles {
  /** `/index.html`, `/assets/…` */
  readonly byPath: ReadonlyMap<string, Served>;
}

/** Reads the built page into memory: some hundred kilobytes. Without a folder, or with an empty one, there is none. */
async function readPage(folder: string | undefined): Promise<PageFiles> {
  const byPath = new Map<string, Served>();
  if (folder === undefined) return { byPath };
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const name of names.filter((file) => extname(file) in TYPES)) {
    const encoded: Record<string, Buffer> = {};
    if (names.includes(`${name}.br`)) encoded.br = await readFile(`${name}.br`);
    if (names.includes(`${name}.gz`)) encoded.gzip = await readFile(`${name}.gz`);
    const path = name.slice(folder.length).replaceAll("\\", "/").replace(/^\/?/, "/");
    byPath.set(path, { type: TYPES[extname(name)]!, bytes: await readFile(name), encoded });
  }
  return { byPath };
}

export async function pageRoutes(
  app: FastifyInstance,
  folder: string | undefined,
): Promise<(reply: FastifyReply, request: FastifyRequest) => FastifyReply> {
  const { byPath } = await readPage(folder);

  const send = (request: FastifyRequest, reply: FastifyReply, { type, bytes, encoded }: Served) => {
    const accepted = String(request.headers["accept-encoding"] ?? "");
    const encoding = ["br", "gzip"].find((name) => encoded[name] !== undefined && accepted.includes(name));
    if (encoding !== undefined) reply.header("content-encoding", encoding);
    return reply
      .type(type)
      .header("vary", "accept-encoding")
      .header("content-security-policy", POLICY)
      .header("x-content-type-options", "nosniff")
      .header("referrer-policy", "no-referrer")
      .header("cross-origin-resource-policy", "same-origin")
      .send(encoding === undefined ? bytes : encoded[encoding]);
  };

  const index = (reply: FastifyReply, request: FastifyRequest) => {
    reply.header("cache-control", "no-cache");
    const page = byPath.get("/index.html");
    if (page !== undefined) return send(request, reply, page);
    return reply.code(503).type("text/html; charset=utf-8").send(NOT_BUILT);
  };
  for (const path of SCREENS) app.get(path, (request, reply) => index(reply, request));
  for (const [path, file] of byPath) {
    if (path === "/index.html") continue;
    // Names hold a hash of the contents.
    app.get(path, (request, reply) =>
      send(request, reply.header("cache-control", "public, max-age=31536000, immutable"), file),
    );
  }
  return index;
}

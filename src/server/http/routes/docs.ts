/** The documentation at `/docs`: the site that `npm run docs:site` builds. */

import type { FastifyInstance } from "fastify";
import { FOREVER, readStaticFiles, sendStaticFile } from "../static-files.ts";

/** Scripts and styles are files. Colours of code are style attributes, which cannot run code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

const NOT_BUILT =
  "<!doctype html><meta charset=utf-8><title>Inkstone</title><p>The documentation is not built. In a clone, run <code>npm run docs:site</code>. <a href=/openapi.json>/openapi.json</a> describes the API.";

export async function docsRoutes(app: FastifyInstance, folder: string | undefined): Promise<void> {
  const files = await readStaticFiles(folder);

  app.get("/docs", (request, reply) => {
    // The router treats /docs and /docs/ as one path. The site needs the slash.
    if (/^\/docs(?:\?|$)/.test(request.url)) return reply.redirect("/docs/");
    const index = files.get("/index.html");
    if (index !== undefined) return sendStaticFile(request, reply.header("cache-control", "no-cache"), index, POLICY);
    return reply.code(503).type("text/html; charset=utf-8").send(NOT_BUILT);
  });

  app.get<{ Params: { "*": string } }>("/docs/*", (request, reply) => {
    const path = `/${request.params["*"].replace(/\/$/, "")}`;
    const file = [path, `${path}.html`, `${path}/index.html`].map((name) => files.get(name)).find(Boolean);
    if (file !== undefined) {
      reply.header("cache-control", path.startsWith("/assets/") ? FOREVER : "no-cache");
      return sendStaticFile(request, reply, file, POLICY);
    }
    const missing = files.get("/404.html");
    if (missing === undefined) return reply.callNotFound();
    return sendStaticFile(request, reply.code(404), missing, POLICY);
  });
}

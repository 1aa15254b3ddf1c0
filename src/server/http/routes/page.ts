/** The page at `/` and its files under `/assets`, with a policy that forbids content from elsewhere. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FOREVER, readStaticFiles, type StaticFile, sendStaticFile } from "../static-files.ts";

/** The permissions of the page. No frame of another site can show it, and no text becomes code. */
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
];

/** Paths of the page other than `/`. */
const SCREENS = ["/edit", "/edit/:image", "/pictures", "/explore", "/models", "/server"];

const NOT_BUILT =
  "<!doctype html><meta charset=utf-8><title>Inkstone</title><p>The page is not built. In a clone: <code>npm run build</code>. The API is described at <a href=/docs>/docs</a>.";

export async function pageRoutes(
  app: FastifyInstance,
  folder: string | undefined,
): Promise<(reply: FastifyReply, request: FastifyRequest) => FastifyReply> {
  const files = await readStaticFiles(folder);
  const send = (request: FastifyRequest, reply: FastifyReply, file: StaticFile) =>
    sendStaticFile(request, reply, file, POLICY);

  const index = (reply: FastifyReply, request: FastifyRequest) => {
    reply.header("cache-control", "no-cache");
    const page = files.get("/index.html");
    if (page !== undefined) return send(request, reply, page);
    return reply.code(503).type("text/html; charset=utf-8").send(NOT_BUILT);
  };
  for (const path of SCREENS) app.get(path, (request, reply) => index(reply, request));
  for (const [path, file] of files) {
    if (path === "/index.html") continue;
    // Names hold a hash of the contents.
    app.get(path, (request, reply) => send(request, reply.header("cache-control", FOREVER), file));
  }
  return index;
}

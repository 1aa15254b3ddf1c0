/** Built pages in memory, as files below a path. */

import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { FastifyReply, FastifyRequest } from "fastify";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

export interface StaticFile {
  readonly type: string;
  readonly bytes: Buffer;
  /** Versions that the build has compressed: `br`, `gzip`. */
  readonly encoded: Readonly<Record<string, Buffer>>;
}

/** Reads a folder. Keys are paths in it that begin with a slash. A missing or absent folder gives no files. */
export async function readStaticFiles(folder: string | undefined): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>();
  if (folder === undefined) return files;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const names = new Set(entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)));
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const encoded: Record<string, Buffer> = {};
    if (names.has(`${name}.br`)) encoded.br = await readFile(`${name}.br`);
    if (names.has(`${name}.gz`)) encoded.gzip = await readFile(`${name}.gz`);
    const path = name.slice(folder.length).replaceAll("\\", "/").replace(/^\/?/, "/");
    files.set(path, { type, bytes: await readFile(name), encoded });
  }
  return files;
}

/** Sends a file in an encoding that the client accepts, with a Content-Security-Policy. */
export function sendStaticFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { type, bytes, encoded }: StaticFile,
  policy: readonly string[],
): FastifyReply {
  const accepted = String(request.headers["accept-encoding"] ?? "");
  const encoding = ["br", "gzip"].find((name) => encoded[name] !== undefined && accepted.includes(name));
  if (encoding !== undefined) reply.header("content-encoding", encoding);
  return reply
    .type(type)
    .header("vary", "accept-encoding")
    .header("content-security-policy", policy.join("; "))
    .header("x-content-type-options", "nosniff")
    .header("referrer-policy", "no-referrer")
    .header("cross-origin-resource-policy", "same-origin")
    .send(encoding === undefined ? bytes : encoded[encoding]);
}

/** For files whose names contain a hash of their content. */
export const FOREVER = "public, max-age=31536000, immutable";

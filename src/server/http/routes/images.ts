/** `GET /images/{imageUUID}.{ext}`: stored images, to anyone who knows the address. */

import type { FastifyInstance } from "fastify";
import { TaskError } from "../../../protocol/index.ts";
import type { HttpPorts } from "../ports.ts";
import { cutSlowReader } from "../reply.ts";

const FILE_NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(jpg|png|webp|avif|gif|tiff)$/;

/** Caches hold an image no longer than this, in seconds, nor beyond its time. */
const LONGEST_CACHED = 3600;

export function imageRoute(app: FastifyInstance, { images, settings }: HttpPorts): void {
  app.get<{ Params: { file: string } }>("/images/:file", async (request, reply) => {
    const { file } = request.params;
    const elsewhere = FILE_NAME.test(file) ? await images.addressOf?.(file) : undefined;
    if (elsewhere !== undefined) return reply.header("cache-control", "no-store").redirect(elsewhere, 307);
    const stored = FILE_NAME.test(file) ? await images.read(file) : undefined;
    if (stored === undefined) throw new TaskError("notFound", { path: `/images/${file.slice(0, 100)}` });
    cutSlowReader(reply, settings.sendTimeout);
    return reply
      .type(stored.contentType)
      .header("cache-control", `public, max-age=${Math.min(LONGEST_CACHED, stored.secondsLeft)}, immutable`)
      .header("access-control-allow-origin", "*")
      .header("cross-origin-resource-policy", "cross-origin")
      .header("x-content-type-options", "nosniff")
      .send(Buffer.from(stored.bytes.buffer, stored.bytes.byteOffset, stored.bytes.byteLength));
  });
}

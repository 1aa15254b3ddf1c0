/** `GET /images/{imageUUID}.{ext}`: stored images, for everyone who knows the address. `.webp?side=320`: thumbnails. */

import type { FastifyInstance } from "fastify";
import { invalidParameter, TaskError } from "../../../protocol/index.ts";
import { isFileName, THUMBNAIL_SIDES, type ThumbnailSide } from "../../storage/index.ts";
import type { HttpPorts } from "../ports.ts";
import { cutSlowReader } from "../reply.ts";

/** Most seconds that caches keep an image. Never longer than the image exists. */
const LONGEST_CACHED = 3600;

export function imageRoute(app: FastifyInstance, { images, thumbnails, settings }: HttpPorts): void {
  const find = async (file: string, side: string | undefined) => {
    if (!isFileName(file)) return undefined;
    if (side === undefined || !file.endsWith(".webp")) {
      // As a stream, so that images for slow readers take little memory.
      const opened = await images.open?.(file);
      if (opened || images.open) return opened;
    }
    const stored = await (side !== undefined && file.endsWith(".webp")
      ? thumbnails.read(file.slice(0, 36), sideOf(side))
      : images.read(file));
    if (stored === undefined) return undefined;
    const { buffer, byteOffset, byteLength } = stored.bytes;
    return { ...stored, length: byteLength, stream: Buffer.from(buffer, byteOffset, byteLength) };
  };
  app.get<{ Params: { file: string }; Querystring: { side?: string; direct?: string } }>(
    "/images/:file",
    async (request, reply) => {
      const { file } = request.params;
      const { side, direct } = request.query;
      // SVG can be active content. It is served only here, with headers that prevent scripts.
      const shapes = file.endsWith(".svg");
      const elsewhere =
        !shapes && side === undefined && direct === undefined && isFileName(file) && (await images.addressOf?.(file));
      if (elsewhere) return reply.header("cache-control", "no-store").redirect(elsewhere, 307);
      const stored = await find(file, side);
      if (stored === undefined) throw new TaskError("notFound", { path: `/images/${file.slice(0, 100)}` });
      cutSlowReader(reply, settings.sendTimeout);
      if (shapes) reply.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
      return reply
        .type(stored.contentType)
        .header("cache-control", `public, max-age=${Math.min(LONGEST_CACHED, stored.secondsLeft)}, immutable`)
        .header("access-control-allow-origin", "*")
        .header("cross-origin-resource-policy", "cross-origin")
        .header("x-content-type-options", "nosniff")
        .header("content-length", stored.length)
        .send(stored.stream);
    },
  );
}

function sideOf(side: string): ThumbnailSide {
  const known = THUMBNAIL_SIDES.find((one) => String(one) === side);
  if (known === undefined) throw invalidParameter("side", side, `It must be one of ${THUMBNAIL_SIDES.join(", ")}.`);
  return known;
}

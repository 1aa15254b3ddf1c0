/** `/v1/pictures`: the gallery of a key. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  binQuery,
  invalidParameter,
  isUuidV4,
  type PictureReply,
  parseJson,
  pictureChange,
  pictureNames,
  pictureQuery,
  readBody,
  readQuery,
  stringifyJson,
  TaskError,
} from "../../../protocol/index.ts";
import type { GalleryPicture } from "../../storage/index.ts";
import { bearerKey, identify } from "../caller.ts";
import { pictureItem } from "../gallery-items.ts";
import { contentUUID } from "../inline-pictures.ts";
import { openContext, type Shared } from "../request-context.ts";

/** Any of these: the type of a file is detected from its bytes. */
const PICTURE_TYPE = /^image\/(png|jpe?g|webp|avif|gif|tiff)$/;
export const PICTURE_EXPECTED =
  "Send the file itself, with the header 'Content-Type: image/png' (or image/jpeg, image/webp, image/avif, image/gif, image/tiff).";

type ByUUID = { Params: { imageUUID: string } };

export function pictureRoutes(app: FastifyInstance, shared: Shared): void {
  const { ports } = shared;
  const { gallery } = ports;
  const ownerOf = async ({ raw }: FastifyRequest) => (await identify(ports.keys, bearerKey(raw), raw)).owner;
  const shown =
    (request: FastifyRequest) =>
    (picture: GalleryPicture): PictureReply =>
      pictureItem(picture, openContext(shared, request.raw));

  app.get<{ Querystring: Record<string, unknown> }>("/v1/pictures", async (request, reply) => {
    const owner = await ownerOf(request);
    const { q = "", task, from, to, ...query } = readQuery(pictureQuery, request.query);
    const { pictures, next } = await gallery
      .list(owner, {
        ...query,
        words: q.split(/\s+/).filter(Boolean),
        taskUUID: task,
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
      })
      .catch((thrown) => refuseCursor(thrown, query.cursor));
    return sendJson(reply, { data: pictures.map(shown(request)), next });
  });

  // The body is the file. A page of another site needs a preflight request to send it, unlike a form.
  app.register(async (front) => {
    front.removeAllContentTypeParsers();
    front.addContentTypeParser(PICTURE_TYPE, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    front.post("/v1/pictures", async (request, reply) => {
      const owner = await ownerOf(request);
      const bytes = request.body as Buffer | undefined;
      if (bytes === undefined) throw new TaskError("invalidRequest", { reason: PICTURE_EXPECTED });
      const { imageUUID } = await ports.uploads.keep(owner, "body", contentUUID(owner, bytes), bytes, true);
      const picture = await gallery.find(owner, imageUUID);
      if (picture === undefined) throw new TaskError("imageExpired", { imageUUID });
      return sendJson(reply.code(201), shown(request)(picture));
    });
  });

  app.delete<{ Querystring: Record<string, unknown> }>("/v1/pictures", async (request, reply) => {
    const owner = await ownerOf(request);
    readQuery(binQuery, request.query);
    return sendJson(reply, { deleted: await gallery.emptyBinOf(owner) });
  });

  app.get<ByUUID>("/v1/pictures/:imageUUID", async (request, reply) => {
    const owner = await ownerOf(request);
    const picture = await gallery.find(owner, named(request));
    return sendJson(reply, shown(request)(picture ?? nothingAt(request)));
  });

  app.patch<ByUUID>("/v1/pictures/:imageUUID", async (request, reply) => {
    const owner = await ownerOf(request);
    const { starred, expiresAt } = readBody(pictureChange, bodyOf(request));
    const end = typeof expiresAt === "string" ? new Date(expiresAt) : expiresAt;
    const picture = await gallery.change(owner, named(request), { starred, expiresAt: end });
    return sendJson(reply, shown(request)(picture ?? nothingAt(request)));
  });

  for (const act of ["bin", "restore"] as const) {
    app.post(`/v1/pictures/${act}`, async (request, reply) => {
      const owner = await ownerOf(request);
      const { imageUUIDs } = readBody(pictureNames, bodyOf(request));
      const done = await gallery[act](owner, imageUUIDs);
      const missing = imageUUIDs.filter((imageUUID) => !done.includes(imageUUID.toLowerCase()));
      return sendJson(reply, {
        data: done.map((imageUUID) => ({ imageUUID })),
        errors:
          missing.length === 0
            ? undefined
            : missing.map((uuid) => new TaskError("imageExpired", { imageUUID: uuid }).body),
      });
    });
  }
}

/** Sends JSON. Lists contain seeds of any size. */
export const sendJson = (reply: FastifyReply, body: unknown) =>
  reply.type("application/json; charset=utf-8").header("cache-control", "no-store").send(stringifyJson(body));

/** Converts an invalid cursor to an error of the caller. */
export function refuseCursor(thrown: unknown, cursor: unknown): never {
  if (thrown instanceof RangeError) {
    throw invalidParameter("cursor", cursor, "It must be the `next` of an earlier page of the same list.");
  }
  throw thrown;
}

function bodyOf({ body }: FastifyRequest): unknown {
  try {
    return parseJson(String(body ?? ""));
  } catch (cause) {
    throw new TaskError("invalidRequest", { reason: "The body is not JSON." }, {}, { cause });
  }
}

/** The image in the path of a request. Only a UUID v4 is looked up: PostgreSQL rejects some texts. */
function named(request: FastifyRequest<ByUUID>): string {
  const { imageUUID } = request.params;
  return isUuidV4(imageUUID) ? imageUUID : nothingAt(request);
}

function nothingAt(request: FastifyRequest<ByUUID>): never {
  throw new TaskError("notFound", { path: `/v1/pictures/${request.params.imageUUID.slice(0, 100)}` });
}

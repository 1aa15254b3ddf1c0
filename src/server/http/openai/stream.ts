/** Images as events in OpenAI's form: previews, then the images or an error. */

import type { FastifyReply } from "fastify";
import { decodeImage, encodeImage, type ImageFormat, resizeImage } from "../../../pictures/index.ts";
import type { FollowEvent, OwnerId, TaskPreview } from "../../tasks/index.ts";
import { type EventStream, openEventStream } from "../event-stream.ts";
import type { HttpPorts } from "../ports.ts";
import { cutSlowReader } from "../reply.ts";

/** The subject of the events of a request. */
export interface Streamed {
  readonly taskUUID: string;
  readonly kind: "image_generation" | "image_edit";
  /** Most partial images per image. */
  readonly partialImages: number;
  readonly format: ImageFormat;
  /** The requested size. Partial images are scaled to it. Absent if the model decides. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** Values of the request that each event repeats. */
  readonly facts: object;
}

/** The events of one request. Until the first event, the reply can still be an error with a status. */
export interface PictureStream {
  readonly begun: boolean;
  completed(images: readonly object[]): Promise<void>;
  failed(error: object): Promise<void>;
  /** Stops following the task. Call it whatever the outcome. */
  close(): void;
}

/** Tokens are not counted. The types of clients require them. */
const USAGE = {
  total_tokens: 0,
  input_tokens: 0,
  output_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
};

/**
 * Follows a task before it is submitted. The stream starts when the task is accepted. Partial images come at even parts
 * of the generation; a fast one may have fewer.
 */
export async function openPictureStream(
  ports: HttpPorts,
  owner: OwnerId,
  reply: FastifyReply,
  { taskUUID, kind, partialImages, format, size, facts }: Streamed,
): Promise<PictureStream> {
  let stream: EventStream | undefined;
  let work = Promise.resolve();
  /** Number of sent partial images by the index of the image. */
  const sent = new Map<number, number>();

  const begin = () => (stream ??= openEventStream(ports, owner, reply, () => {}));
  const write = (type: string, event: object, droppable = false) =>
    begin().write(type, { type, ...event, created_at: Math.floor(Date.now() / 1000), ...facts }, droppable);

  async function partial({ image, step, steps, dataURI }: TaskPreview): Promise<void> {
    const index = sent.get(image) ?? 0;
    if (index >= partialImages || step / steps < (index + 1) / (partialImages + 1)) return;
    sent.set(image, index + 1);
    const bytes = Buffer.from(dataURI.slice(dataURI.indexOf(",") + 1), "base64");
    const small = await decodeImage(bytes, { maxPixels: 2 ** 24 });
    const full = size ? await resizeImage(small, size.width, size.height) : small;
    const b64_json = Buffer.from(await encodeImage(full, { format })).toString("base64");
    write(`${kind}.partial_image`, { b64_json, partial_image_index: index }, true);
  }

  const endFollowing = await ports.tasks.follow(
    owner,
    (followed: string, event: FollowEvent) => {
      if (followed !== taskUUID) return;
      begin();
      if (event.type === "preview") work = work.then(() => partial(event)).catch(() => {}); // a stream can do without
    },
    partialImages > 0,
  );

  return {
    get begun() {
      return stream !== undefined;
    },
    async completed(images) {
      await work;
      begin();
      cutSlowReader(reply, ports.settings.sendTimeout);
      for (const image of images) write(`${kind}.completed`, { ...image, usage: USAGE });
      begin().end();
    },
    async failed(error) {
      await work;
      begin().write("error", { type: "error", error });
      begin().end();
    },
    close: endFollowing,
  };
}

/** Pictures as events, as OpenAI's clients read them: what a picture looks like while it is drawn, then the pictures, or why there are none. */

import type { FastifyReply } from "fastify";
import { decodeImage, encodeImage, type ImageFormat, resizeImage } from "../../../pictures/index.ts";
import type { FollowEvent, OwnerId, TaskPreview } from "../../tasks/index.ts";
import { type EventStream, openEventStream } from "../event-stream.ts";
import type { HttpPorts } from "../ports.ts";
import { cutSlowReader } from "../reply.ts";

/** What the events of a request are about. */
export interface Streamed {
  readonly taskUUID: string;
  readonly kind: "image_generation" | "image_edit";
  /** Partial images of each picture, at most. */
  readonly partialImages: number;
  readonly format: ImageFormat;
  /** Of the pictures asked for; partial images are brought to it. Absent where the model decides. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** What each event repeats of the request. */
  readonly facts: object;
}

/** The events of one request. Until the first one is written the reply may still be an error with a status. */
export interface PictureStream {
  readonly begun: boolean;
  completed(images: readonly object[]): Promise<void>;
  failed(error: object): Promise<void>;
  /** Ends the following of the task. Must be called, however the task ended. */
  close(): void;
}

/** No tokens are counted here; the clients' types have them. */
const USAGE = {
  total_tokens: 0,
  input_tokens: 0,
  output_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
};

/**
 * Follows a task that is about to be handed in: the stream begins when it has been taken, and partial images come at even parts of
 * the drawing. A fast drawing may have fewer of them.
 */
export async function openPictureStream(
  ports: HttpPorts,
  owner: OwnerId,
  reply: FastifyReply,
  { taskUUID, kind, partialImages, format, size, facts }: Streamed,
): Promise<PictureStream> {
  let stream: EventStream | undefined;
  let work = Promise.resolve();
  /** Partial images that have been sent, by the picture's index. */
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

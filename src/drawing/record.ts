import { createHash } from "node:crypto";
import type { MetadataObject } from "../images/index.ts";
import type { ImageInferenceTask } from "../protocol/index.ts";

/** Parameters that say how a result is handed over, not what it looks like. */
const delivery = [
  "taskUUID",
  "outputType",
  "deliveryMethod",
  "webhookURL",
  "uploadEndpoint",
  "ttl",
  "includeCost",
  "numberResults",
] as const satisfies readonly (keyof ImageInferenceTask)[];

/**
 * What is written into a finished picture: the task that draws this one picture again, in the API's words. Input pictures are named by
 * their SHA-256 (of the reference's text), not carried along.
 *
 * @param model AIR of the model that drew it
 * @param seed of this picture
 */
export function pictureRecord(task: ImageInferenceTask, model: string, seed: bigint): MetadataObject {
  const kept = Object.entries(task).filter(([key, value]) => value !== undefined && !delivery.includes(key as never));
  return withoutPictures({ ...Object.fromEntries(kept), model, seed }) as MetadataObject;
}

const pictureKeys = new Set(["seedImage", "maskImage", "guideImage"]);

function withoutPictures(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPictures);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => [
      key,
      pictureKeys.has(key) && typeof item === "string" ? `sha256:${sha256(item)}` : withoutPictures(item),
    ]),
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

import { createHash } from "node:crypto";
import type { MetadataObject } from "../pictures/index.ts";
import type { ImageInferenceTask, PictureTask } from "../protocol/index.ts";

/** Parameters of the delivery. They do not change the image. */
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

/** The keys that a person looks for first. */
const first = [
  "taskType",
  "model",
  "positivePrompt",
  "negativePrompt",
  "width",
  "height",
  "seed",
  "steps",
  "scheduler",
];

/**
 * The task that reproduces one finished image, in the API's words. It is written into the image. Input images are named by the
 * SHA-256 of their reference's text; their bytes are not included.
 *
 * @param card of the model that generated it
 * @param seed of this image
 */
export function pictureRecord(
  task: ImageInferenceTask,
  card: { readonly air: string; readonly defaults: { readonly CFGScale: number } },
  seed: bigint,
): MetadataObject {
  const CFGScale =
    task.settings?.trueCFGScale === undefined ? (task.CFGScale ?? card.defaults.CFGScale) : task.CFGScale;
  const facts: Record<string, unknown> = { ...task, model: card.air, seed, CFGScale };
  const keys = [...first, ...Object.keys(facts).filter((key) => !first.includes(key))];
  const kept = keys.filter((key) => facts[key] !== undefined && !delivery.includes(key as never));
  return withoutPictures(Object.fromEntries(kept.map((key) => [key, facts[key]]))) as MetadataObject;
}

/** The task that reproduces an image made from another image. */
export function sideRecord(task: Exclude<PictureTask, ImageInferenceTask>): MetadataObject {
  const kept = Object.entries(task).filter(([key]) => !delivery.includes(key as never));
  return withoutPictures(Object.fromEntries(kept)) as MetadataObject;
}

const pictureKeys = new Set(["seedImage", "maskImage", "guideImage", "inputImage", "referenceImages", "image"]);

function withoutPictures(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPictures);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, pictureKeys.has(key) ? withoutPicture(item) : withoutPictures(item)]),
  );
}

/** One image reference, or a list of them. */
function withoutPicture(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPicture);
  return typeof value === "string" ? `sha256:${sha256(value)}` : withoutPictures(value);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

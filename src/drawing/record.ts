import { createHash } from "node:crypto";
import type { MetadataObject } from "../pictures/index.ts";
import type { ImageInferenceTask, PictureTask } from "../protocol/index.ts";

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

/** The keys that a reader looks for first. */
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
 * What is written into a finished picture: the task that draws this one picture again, in the API's words. Input pictures are named by
 * their SHA-256 (of the reference's text), not carried along.
 *
 * @param card of the model that drew it
 * @param seed of this picture
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

/** The same of a picture made from another: the task that makes it again. */
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

/** One picture, or a list of them. */
function withoutPicture(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPicture);
  return typeof value === "string" ? `sha256:${sha256(value)}` : withoutPictures(value);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The origin of a finished image. It is stored with the image, because the task is deleted earlier. */

import { isUuidV4, type PictureTask, stringifyJson } from "../../protocol/index.ts";

/** Parameters about the delivery and number of results. */
const NOT_OF_THE_PICTURE = new Set([
  "taskUUID",
  "deliveryMethod",
  "outputType",
  "webhookURL",
  "uploadEndpoint",
  "ttl",
  "includeCost",
  "numberResults",
]);

const PICTURES = new Set(["seedImage", "maskImage", "guideImage", "inputImage", "image", "referenceImages"]);

/** Longest stored address of an input image; data URIs are longer. */
const LONGEST_REFERENCE = 2048;

/**
 * The task that reproduces one image, as JSON text. It keeps input images as UUIDs and addresses. It omits images that
 * were sent as bytes, and parameters that need them.
 */
export function provenance(task: PictureTask, seed: bigint): string {
  const keepPicture = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.every((item) => keepPicture(item) !== undefined) ? value : undefined;
    if (typeof value !== "string" || value.length > LONGEST_REFERENCE) return undefined;
    return isUuidV4(value) || /^https?:/i.test(value) ? value : undefined;
  };
  const kept = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(kept);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [
      key,
      PICTURES.has(key) ? keepPicture(item) : kept(item),
    ]);
    return Object.fromEntries(entries);
  };
  const own = Object.entries(task).filter(([key]) => !NOT_OF_THE_PICTURE.has(key));
  const parameters = kept(Object.fromEntries(own)) as Record<string, unknown>;
  if (task.taskType === "imageInference") Object.assign(parameters, { seed }, withoutLost(task, parameters));
  return stringifyJson(parameters);
}

/** Removes parameters that have no effect without a lost image. */
function withoutLost(task: PictureTask, parameters: Record<string, unknown>): object {
  if (task.taskType !== "imageInference") return {};
  const inputs = parameters.inputs as { seedImage?: unknown; maskImage?: unknown } | undefined;
  const lost = (name: "seedImage" | "maskImage") => task.inputs?.[name] !== undefined && inputs?.[name] === undefined;
  const guides = (parameters.controlNet as { guideImage?: unknown }[] | undefined)?.filter(
    ({ guideImage }) => guideImage,
  );
  return {
    ...((lost("seedImage") || lost("maskImage")) && { inputs: undefined, maskMargin: undefined, outpaint: undefined }),
    controlNet: guides?.length === 0 ? undefined : guides,
  };
}

/** Delivery of results: the parameters that all tasks with image results share. */

import { flag, integer, oneOf, oneOrMoreOf, webAddress } from "../fields/index.ts";

export const OUTPUT_TYPES = ["URL", "base64Data", "dataURI"] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];
export const OUTPUT_FORMATS = ["JPG", "PNG", "WEBP"] as const;
export const DELIVERY_METHODS = ["sync", "async"] as const;

/** Databases cannot represent times that are much further away. */
const CENTURY = 100 * 365 * 24 * 3600;

export const delivery = {
  outputType: oneOrMoreOf(
    "The form of the returned image. A list requests several forms at once.",
    OUTPUT_TYPES,
    "URL",
  ),
  outputFormat: oneOf("File format of the image. Letter case does not matter.", OUTPUT_FORMATS, {
    anyCase: true,
  }).default("JPG"),
  outputQuality: integer("Compression quality of JPG and WEBP.", { min: 20, max: 99 }).default(95),
  deliveryMethod: oneOf(
    "`sync` answers with the finished images; `async` acknowledges at once, then poll with getResponse.",
    DELIVERY_METHODS,
  ).default("sync"),
  webhookURL: webAddress("Receives one POST per finished image.").optional(),
  uploadEndpoint: webAddress(
    "Receives each finished image as the raw body of a PUT, for example at a presigned URL. `{imageUUID}` and `{index}` in it are replaced. Without either placeholder, a later result overwrites an earlier one.",
  ).optional(),
  ttl: integer("Seconds until the image is deleted, with outputType URL. By default, images are kept for 7 days.", {
    min: 60,
    max: CENTURY,
  }).optional(),
  includeCost: flag("Adds `cost` to results, in US dollars.").default(false),
} as const;

/** Shapes of what the server answers. Absent fields are left out, never null: clients check for presence. */

import type { OUTPUT_FORMATS } from "./delivery.ts";
import type { UploadStage } from "./model-upload.ts";
import type { ErrorItem } from "./task-error.ts";

export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** A finished image of an imageInference task. Exactly one of the three image fields is there. */
export interface ImageItem {
  readonly taskType: "imageInference";
  readonly taskUUID: string;
  readonly imageUUID: string;
  readonly imageURL?: string;
  readonly imageBase64Data?: string;
  readonly imageDataURI?: string;
  readonly seed: bigint;
  readonly NSFWContent?: boolean;
  /** Only when a step cache was on; ours, not in the original API. A half: one of a step's two guidance passes. */
  readonly skippedSteps?: number;
  readonly cost?: number;
  readonly status?: "success";
}

/** The guide image of a controlNetPreprocess task. Exactly one of the three image fields is there. */
export interface GuideItem {
  readonly taskType: "controlNetPreprocess";
  readonly taskUUID: string;
  readonly guideImageUUID: string;
  /** The image it was made of, which can be used again by this name. */
  readonly inputImageUUID: string;
  readonly guideImageURL?: string;
  readonly guideImageBase64Data?: string;
  readonly guideImageDataURI?: string;
  readonly cost?: number;
  readonly status?: "success";
}

/** A picture that is not finished yet, in a reply to getResponse. */
export interface ProcessingItem {
  readonly taskType: "imageInference" | "controlNetPreprocess";
  readonly taskUUID: string;
  readonly status: "processing";
  /** Percentage of the whole task, 0 … 100. */
  readonly progress: number;
  readonly step?: number;
  readonly steps?: number;
  /** Tasks that start before this one. */
  readonly queuePosition?: number;
}

/** How far a modelUpload task is. */
export interface UploadItem {
  readonly taskType: "modelUpload";
  readonly taskUUID: string;
  /** The stage that was reached; in a reply to getResponse the word that pictures have too. */
  readonly status: UploadStage | "processing" | "success";
  readonly message: string;
  readonly air: string;
  /** In a reply to getResponse: the last stage that was reached, and the percentage of the download, 0 … 100. */
  readonly stage?: UploadStage;
  readonly progress?: number;
  /** Uploads that start before this one. */
  readonly queuePosition?: number;
}

/** Any item of `data`: the types above, and small replies of the other tasks. */
export type DataItem = ImageItem | GuideItem | ProcessingItem | UploadItem | OtherItem;

/** Replies of tasks that have no shape worth naming; only the task type is certain. */
export interface OtherItem {
  readonly taskType: string;
  readonly taskUUID?: string;
  readonly [field: string]: unknown;
}

/** One reply or frame. */
export interface ReplyBody {
  readonly data?: readonly DataItem[];
  readonly errors?: readonly ErrorItem[];
  /** On HTTP, with a status that is not 2xx: the first error once more, for clients that read only this. */
  readonly error?: ErrorItem;
}

const MEDIA_TYPES = { JPG: "image/jpeg", PNG: "image/png", WEBP: "image/webp" } as const;
const EXTENSIONS = { JPG: "jpg", PNG: "png", WEBP: "webp" } as const;

/** The media type of an output format. */
export const mediaType = (format: OutputFormat): (typeof MEDIA_TYPES)[OutputFormat] => MEDIA_TYPES[format];

/** The file extension of an output format. */
export const fileExtension = (format: OutputFormat): (typeof EXTENSIONS)[OutputFormat] => EXTENSIONS[format];

/** Requests of OpenAI's images API, and their conversion to tasks. */

import { z } from "zod";
import { DEFAULT_MODEL, type ModelSummary } from "../../../models/index.ts";

/** An invalid request. `param` names the parameter in the caller's spelling. */
export class OpenAIError extends Error {
  override readonly name = "OpenAIError";
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  constructor(status: number, message: string, param: string | null = null, code: string | null = null) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }
}

/** Multipart forms contain only text, so numbers and booleans are parsed from it. */
const number = z.preprocess(
  (value) => (typeof value === "string" && value.trim() !== "" ? Number(value) : value),
  z.number(),
);
const truth = z.preprocess((value) => (value === "true" ? true : value === "false" ? false : value), z.boolean());

const common = {
  model: z.string().nullish(),
  n: number.pipe(z.int().min(1).max(10)).nullish(),
  size: z.string().nullish(),
  quality: z.enum(["auto", "low", "standard", "medium", "high", "hd"]).nullish(),
  response_format: z.enum(["url", "b64_json"]).nullish(),
  output_format: z.enum(["png", "jpeg", "webp"]).nullish(),
  output_compression: number.pipe(z.int().min(0).max(100)).nullish(),
  background: z.enum(["auto", "opaque"]).nullish(),
  stream: truth.nullish(),
  partial_images: number.pipe(z.int().min(0).max(3)).nullish(),
  // Accepted without effect: they control other models, or identify the end user.
  user: z.string().nullish(),
  moderation: z.enum(["auto", "low"]).nullish(),
  style: z.enum(["vivid", "natural"]).nullish(),
  input_fidelity: z.enum(["low", "high"]).nullish(),
  // Extensions, in the spelling of gateways.
  seed: number.pipe(z.int().min(0)).nullish(),
  steps: number.nullish(),
  num_inference_steps: number.nullish(),
  negative_prompt: z.string().nullish(),
  cfg_scale: number.nullish(),
  guidance_scale: number.nullish(),
  scheduler: z.string().nullish(),
  strength: number.nullish(),
};

/** `POST /v1/images/generations`, and the text fields of `POST /v1/images/edits`. */
export const prompted = z.strictObject({ prompt: z.string(), ...common });
/** The text fields of `POST /v1/images/variations`. */
export const variation = z.strictObject(common);

export type ImagesRequest = z.output<typeof variation> & { readonly prompt?: string };

/** @throws OpenAIError with the first invalid parameter */
export function readImages<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") {
    const [key] = issue.keys;
    throw new OpenAIError(400, `Unknown parameter: '${key}'.`, key, "unknown_parameter");
  }
  const param = issue?.path.join(".") || null;
  const absent = param !== null && (given as Record<string, unknown> | null)?.[param] === undefined;
  if (absent)
    throw new OpenAIError(400, `Missing required parameter: '${param}'.`, param, "missing_required_parameter");
  throw new OpenAIError(
    400,
    `Invalid value for '${param ?? "body"}': ${issue?.message ?? "it cannot be read"}.`,
    param,
    "invalid_value",
  );
}

/** Names of OpenAI's models select the default model of the server. */
const OPENAI_MODEL = /^(gpt-image-|chatgpt-image|dall-e-)/;
export const modelFor = (name: string | null | undefined): string =>
  !name || OPENAI_MODEL.test(name) ? DEFAULT_MODEL : name;

/** Preferred editing models, if several are installed and the request names none: the newest published ones first. */
const EDITORS = ["alibaba:qwen-image-edit@2511", "runware:108@22", "runware:108@20"];

/**
 * The model of an edit that names none: an installed editing model that takes this number of images. Otherwise the
 * default model of the server, which edits through a seed image.
 */
export function editingModel(
  name: string | null | undefined,
  installed: readonly ModelSummary[],
  images: number,
): string {
  const asked = modelFor(name);
  if (asked === name) return asked;
  const rank = ({ air }: ModelSummary) => (EDITORS.includes(air) ? EDITORS.indexOf(air) : EDITORS.length);
  const editors = installed.filter(({ references }) => (references?.max ?? 0) > 0).sort((a, b) => rank(a) - rank(b));
  return (editors.find(({ references }) => references!.max >= images) ?? editors[0])?.air ?? asked;
}

const FORMATS = { png: "PNG", jpeg: "JPG", webp: "WEBP" } as const;
const STEPS = { auto: undefined, medium: undefined, low: 20, standard: 20, high: 40, hd: 40 } as const;

/** Images of an edit or a variation, in base64. */
export interface InputPictures {
  /** The image to change. Editing models do not need it. */
  readonly seedImage?: string;
  readonly maskImage?: string;
  /** The reference images of an editing model. */
  readonly referenceImages?: readonly string[];
  /** Size for requests without one. Absent if the model decides. */
  readonly size?: { readonly width: number; readonly height: number };
}

/** A task before validation. The values here are already valid. */
export interface TaskRequest {
  readonly taskUUID: string;
  readonly outputFormat: (typeof FORMATS)[keyof typeof FORMATS];
  /** Absent if the model decides. */
  readonly width?: number;
  readonly height?: number;
}

/** The task in the words of `imageInference`. Its schema checks the ranges. */
export function taskFor(
  request: ImagesRequest,
  model: ModelSummary | undefined,
  pictures?: InputPictures,
): TaskRequest {
  const modelSize = { width: model?.defaultWidth ?? 1024, height: model?.defaultHeight ?? 1024 };
  const size = sizeFor(request.size, pictures ? pictures.size : modelSize);
  const steps = request.steps ?? request.num_inference_steps ?? STEPS[request.quality ?? "auto"] ?? model?.defaultSteps;
  return withoutNulls({
    taskType: "imageInference",
    taskUUID: crypto.randomUUID(),
    deliveryMethod: "sync",
    model: modelFor(request.model),
    positivePrompt: request.prompt || "__BLANK__",
    negativePrompt: request.negative_prompt || undefined,
    ...size,
    steps,
    CFGScale: request.cfg_scale ?? request.guidance_scale,
    scheduler: request.scheduler,
    seed: request.seed,
    numberResults: request.n ?? 1,
    outputType: request.response_format === "url" ? "URL" : "base64Data",
    outputFormat: FORMATS[request.output_format ?? "png"],
    // Inkstone's quality ranges from 20 to 99.
    outputQuality:
      request.output_compression == null ? undefined : Math.min(99, Math.max(20, request.output_compression)),
    inputs:
      pictures &&
      withoutNulls({
        seedImage: pictures.seedImage,
        maskImage: pictures.maskImage,
        referenceImages: pictures.referenceImages,
        strength: request.strength,
      }),
  }) as unknown as TaskRequest;
}

/** `WxH`. Absent or `auto` means `otherwise`, changed to a supported size. */
function sizeFor(size: string | null | undefined, otherwise: { width: number; height: number } | undefined) {
  if (!size || size === "auto") return otherwise && fitted(otherwise);
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size) ?? [];
  if (width === undefined) {
    throw new OpenAIError(
      400,
      `Invalid value for 'size': '${size}'. Give WIDTHxHEIGHT, such as '1024x1024', or 'auto'.`,
      "size",
      "invalid_value",
    );
  }
  return { width: Number(width), height: Number(height) };
}

/** The nearest size in steps of 16 from 128 to 2048, with nearly the same aspect ratio. */
function fitted({ width, height }: { width: number; height: number }) {
  const scale = Math.min(1, 2048 / Math.max(width, height)) * Math.max(1, 128 / Math.min(width, height));
  const step = (side: number) => Math.min(2048, Math.max(128, Math.round((side * scale) / 16) * 16));
  return { width: step(width), height: step(height) };
}

const withoutNulls = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));

/**
 * The task `modelUpload`: downloads a LoRA or ControlNet from a URL, or a checkpoint from the Hugging Face hub, and
 * registers it.
 */

import { z } from "zod";
import { flag, float, literal, oneOf, sha256, text, uuid, webAddress, words } from "../fields/index.ts";
import { DELIVERY_METHODS } from "./delivery.ts";
import { invalidParameter } from "./parameter-errors.ts";
import { TaskError } from "./task-error.ts";
import { air } from "./values.ts";

const CATEGORIES = ["lora", "lycoris", "controlnet", "checkpoint"] as const;

const line = (about: string, max = 200) => text(about, { min: 1, max }).optional();

export const modelUpload = z
  .strictObject({
    taskType: literal("The type of task.", "modelUpload"),
    taskUUID: uuid("Identifies the task in its replies and in polls. A UUID v4, unique per task."),
    category: oneOf(
      "Kind of model. A ControlNet is one file of a `QwenImageControlNetModel`, for inpainting or not. Its sizes are read from its tensors. A checkpoint is a Hugging Face repository in diffusers layout. Use `inkstone models add` for other checkpoint files.",
      CATEGORIES,
      { anyCase: true },
    ),
    architecture: oneOf("The model it was made for.", ["qwen_image"]).default("qwen_image"),
    format: oneOf("The file's format.", ["safetensors"], { anyCase: true }).default("safetensors"),
    air: air("The identifier of the new model in tasks."),
    downloadURL: webAddress(
      "Where the file is. Redirects are followed, to public addresses only. Of a checkpoint: `https://huggingface.co/OWNER/NAME`, with `/tree/REVISION` for another one than `main`.",
    ),
    sha256: sha256(
      "Checksum of the file. A file with another checksum is refused. The original API does not have this parameter.",
    ).optional(),
    name: text("Display name.", { min: 1, max: 200 }),
    version: line("Display version."),
    shortDescription: line("Description.", 2000),
    comment: line("Description; wins over `shortDescription`.", 2000),
    positiveTriggerWords: line("Words in the prompt that trigger the effect.", 1000),
    heroImageURL: webAddress("An example image.").optional(),
    tags: words("Tags to search by.", 32).default([]),
    defaultWeight: float("Recommended weight. modelSearch returns it; tasks set their own weight.", {
      min: -4,
      max: 4,
    }).optional(),
    conditioning: text("Content of the guide images of a ControlNet, for example `canny`. For searches.", {
      min: 1,
      max: 100,
    }).optional(),
    deliveryMethod: oneOf(
      "`sync` answers when the model is ready, or with each stage on a WebSocket; `async` acknowledges at once, then poll with getResponse.",
      DELIVERY_METHODS,
    ).default("sync"),
    uniqueIdentifier: line("No effect: the AIR identifies the model."),
    private: flag("No effect: the operator owns every installed model.").default(true),
  })
  .describe(
    "Downloads a LoRA or ControlNet from a URL, or a checkpoint from the Hugging Face hub, and registers it. Large checkpoints are converted to int8. Reports each stage: `validated`, `downloaded`, `optimized`, `stored`, `ready`. An accepted upload continues without its client, and starts again after a restart of the server. `getResponse` reports its progress.",
  );

export type ModelUploadTask = z.output<typeof modelUpload>;

export const UPLOAD_STAGES = ["validated", "downloaded", "optimized", "stored", "ready"] as const;
export type UploadStage = (typeof UPLOAD_STAGES)[number];

/** The Hugging Face repository that an address names; undefined for other addresses. */
export function hubRepository(address: string): { readonly repo: string; readonly revision: string } | undefined {
  const { hostname, pathname } = URL.parse(address) ?? { hostname: "", pathname: "" };
  if (hostname !== "huggingface.co" && hostname !== "hf.co") return undefined;
  const [, owner, name, revision = "main"] = /^\/([\w.-]+)\/([\w.-]+)(?:\/tree\/([\w.-]+))?\/?$/.exec(pathname) ?? [];
  if (owner === undefined || [owner, name, revision].some((part) => /^\.+$/.test(part!))) return undefined;
  return { repo: `${owner}/${name}`, revision };
}

/** Requires a repository address for a checkpoint: a checkpoint has more than one file. */
export function checkpointErrors({ category, downloadURL, sha256 }: ModelUploadTask): TaskError[] {
  if (category !== "checkpoint") return [];
  const rule =
    "A checkpoint is a folder in diffusers layout. Its address is https://huggingface.co/OWNER/NAME or https://huggingface.co/OWNER/NAME/tree/REVISION. Add files that are on the server with 'inkstone models add'.";
  const errors: TaskError[] = [];
  if (hubRepository(downloadURL) === undefined)
    errors.push(invalidParameter("downloadURL", downloadURL, rule, { type: "string" }));
  if (sha256 !== undefined) {
    const reason = "A checkpoint has many files, and each is checked against the checksum of the hub.";
    errors.push(
      new TaskError(
        "incompatibleParameters",
        { first: "sha256", second: "category", reason },
        { parameter: ["sha256", "category"] },
      ),
    );
  }
  return errors;
}

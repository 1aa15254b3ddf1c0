/** The task `modelUpload`: a LoRA is fetched from a URL and registered. */

import { z } from "zod";
import { air, flag, float, literal, oneOf, sha256, text, uuid, webAddress, words } from "./field.ts";

const line = (about: string, max = 200) => text(about, { min: 1, max }).optional();

export const modelUpload = z
  .strictObject({
    taskType: literal("The type of task.", "modelUpload"),
    taskUUID: uuid("Identifies the task in its replies. A UUID v4."),
    category: oneOf(
      "What it is. Checkpoints and ControlNets are folders: `inkstone models add` or `pull`.",
      ["lora", "lycoris"],
      { anyCase: true },
    ),
    architecture: oneOf("The model it was made for.", ["qwen_image"]).default("qwen_image"),
    format: oneOf("The file's format.", ["safetensors"], { anyCase: true }).default("safetensors"),
    air: air("The identifier that tasks will name it by."),
    downloadURL: webAddress("Where the file is. Redirects are followed, to public addresses only."),
    sha256: sha256(
      "Checksum of the file; a file with another one is refused. The original API has no such parameter.",
    ).optional(),
    name: text("Name for people.", { min: 1, max: 200 }),
    version: line("Version for people."),
    shortDescription: line("Description for people.", 2000),
    comment: line("Description for people; wins over `shortDescription`.", 2000),
    positiveTriggerWords: line("Words in the prompt that it answers to.", 1000),
    heroImageURL: webAddress("A picture that shows what it does.").optional(),
    tags: words("Tags to search by.", 32).default([]),
    defaultWeight: float("The weight it was made for. Told by modelSearch; tasks say their own.", {
      min: -4,
      max: 4,
    }).optional(),
    uniqueIdentifier: line("Without effect: the AIR identifies it."),
    private: flag("Without effect: everything installed belongs to whoever runs the server.").default(true),
  })
  .describe(
    "Fetches a LoRA from a URL and registers it. Tells each stage: `validated`, `downloaded`, `optimized`, `stored`, `ready`.",
  );

export type ModelUploadTask = z.output<typeof modelUpload>;

export const UPLOAD_STAGES = ["validated", "downloaded", "optimized", "stored", "ready"] as const;
export type UploadStage = (typeof UPLOAD_STAGES)[number];

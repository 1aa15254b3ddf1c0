import { CheckpointError } from "../weights/index.ts";

/**
 * The differences between the members of the Qwen-Image family: their prompt templates, and their use of reference images.
 * Source: `prompt_template_encode` and `__call__` of diffusers' pipelines.
 */
export interface Member {
  readonly name: "base" | "edit" | "edit-plus";
  readonly template: PromptTemplate;
  /** Only for editing members, which need reference images. */
  readonly references?: ReferenceRules;
}

/** The prompt template of a member. */
export interface PromptTemplate {
  /** Text before the reference images and the prompt, and after them. */
  readonly before: string;
  readonly after: string;
  /** Number of ids at the start of the template. Their embeddings are dropped by position. */
  readonly dropped: number;
  /** Most ids that the text encoder reads; the rest is cut off. Absent: no limit. */
  readonly maxIds?: number;
  /** Most embeddings that reach the transformer. */
  readonly maxEmbeddings: number;
}

/** How a member uses reference images. */
export interface ReferenceRules {
  /** Most reference images that the member accepts. */
  readonly most: number;
  /** Text before image k in the prompt, from 1. */
  label(k: number): string;
  /** Area that the vision tower sees, as a share of the area that the transformer sees. */
  readonly towerShare: number;
}

const AFTER = "<|im_end|>\n<|im_start|>assistant\n";

const DESCRIBING: PromptTemplate = {
  before:
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, " +
    "spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n",
  after: AFTER,
  dropped: 34,
  maxIds: 1024 + 34,
  maxEmbeddings: 512, // `max_sequence_length`
};

const EDITING: PromptTemplate = {
  before:
    "<|im_start|>system\nDescribe the key features of the input image (color, shape, size, texture, objects, background), " +
    "then explain how the user's text instruction should alter or modify the image. Generate a new image that meets the " +
    "user's requirements while maintaining consistency with the original input where appropriate.<|im_end|>\n" +
    "<|im_start|>user\n",
  after: AFTER,
  dropped: 64,
  maxEmbeddings: 4096, // the length of the rope table
};

const BASE: Member = { name: "base", template: DESCRIBING };
const EDIT: Member = { name: "edit", template: EDITING, references: { most: 1, label: () => "", towerShare: 1 } };
/** Edit-2509 and Edit-2511. The transformer of the second one has `zero_cond_t`. */
const EDIT_PLUS: Member = {
  name: "edit-plus",
  template: EDITING,
  // The transformer sees about 1024² pixels of a reference, the tower about 384².
  references: { most: 3, label: (k) => `Picture ${k}: `, towerShare: (384 / 1024) ** 2 },
};

/** Pipelines of diffusers and their members. The first match applies. */
const PIPELINES: readonly (readonly [pipeline: RegExp, member: Member])[] = [
  [/^QwenImageEditPlus/, EDIT_PLUS],
  [/^QwenImageEdit/, EDIT],
  [/^QwenImage(Img2Img|Inpaint|ControlNet|ControlNetInpaint)?Pipeline$/, BASE],
];

/**
 * The member that a checkpoint belongs to.
 * @param pipeline `_class_name` of its `model_index.json`
 * @throws CheckpointError for a pipeline that this engine does not run, naming those that it runs
 */
export function memberOf(pipeline: string): Member {
  const found = PIPELINES.find(([name]) => name.test(pipeline));
  if (found) return found[1];
  const known = "this version supports Qwen-Image, 2512, Edit, Edit-2509 and Edit-2511";
  if (/^QwenImageLayered/.test(pipeline)) {
    throw new CheckpointError(`the checkpoint is Qwen-Image-Layered, which splits an image into layers; ${known}`);
  }
  if (/^QwenImage/.test(pipeline)) {
    throw new CheckpointError(`pipeline ${pipeline} is for another network of the Qwen-Image family; ${known}`);
  }
  throw new CheckpointError(`pipeline ${pipeline} is not a Qwen-Image pipeline; ${known}`);
}

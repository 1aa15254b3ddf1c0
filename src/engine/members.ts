import { CheckpointError } from "../weights/index.ts";

/**
 * What sets the members of the Qwen-Image family apart, all in one place: how they put the prompt, and what they make of
 * reference images. Source: `prompt_template_encode` and `__call__` of diffusers' pipelines.
 */
export interface Member {
  readonly name: "base" | "edit" | "edit-plus";
  readonly template: PromptTemplate;
  /** Of the editing members, which cannot do without reference images. */
  readonly references?: ReferenceRules;
}

export interface PromptTemplate {
  /** What comes before the reference images and the prompt, and after them. */
  readonly before: string;
  readonly after: string;
  /** Ids of the template's first part, whose embeddings are dropped: by position, whatever they turned out to be. */
  readonly dropped: number;
  /** Ids that the text encoder reads at most; the rest is cut off. Absent: all of them. */
  readonly maxIds?: number;
  /** Embeddings that reach the transformer at most. */
  readonly maxEmbeddings: number;
}

export interface ReferenceRules {
  /** Reference images that the member takes at most. */
  readonly most: number;
  /** The words before image k in the prompt, counted from 1. */
  label(k: number): string;
  /** The area that the vision tower sees, as a share of the area that the transformer sees. */
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
/** Edit-2509 and Edit-2511; the second one's transformer says so by itself, with `zero_cond_t`. */
const EDIT_PLUS: Member = {
  name: "edit-plus",
  template: EDITING,
  // The transformer sees about 1024² pixels of a reference, the tower about 384².
  references: { most: 3, label: (k) => `Picture ${k}: `, towerShare: (384 / 1024) ** 2 },
};

/** Pipelines of diffusers, by what they draw with. The first that fits counts. */
const PIPELINES: readonly (readonly [pipeline: RegExp, member: Member])[] = [
  [/^QwenImageEditPlus/, EDIT_PLUS],
  [/^QwenImageEdit/, EDIT],
  [/^QwenImage(Img2Img|Inpaint|ControlNet|ControlNetInpaint)?Pipeline$/, BASE],
];

/**
 * The member that a checkpoint belongs to.
 * @param pipeline `_class_name` of its `model_index.json`
 * @throws CheckpointError for a pipeline that this engine does not run, saying which members it draws with
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

import type { RgbImage } from "../../src/pictures/index.ts";
import { fixturePath, type ReferenceTensor, readRun } from "./fixture.ts";

/** What diffusers' editing pipelines drew, written by `reference/editing.py`. */

export const EDITING_CASES = ["edit", "edit-plus"] as const;
export type EditingCase = (typeof EDITING_CASES)[number];

/** Every recorded edit: checkpoint and run. */
export const EDITS: readonly (readonly [EditingCase, string])[] = [
  ["edit", "stages"],
  ["edit", "sized"],
  ["edit", "inpaint"],
  ["edit-plus", "stages"],
  ["edit-plus", "three"],
  ["edit-plus", "one"],
];

export interface EditFixture {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Of the finished image; given to the pipeline only where `sizeGiven`. */
  readonly width: number;
  readonly height: number;
  readonly sizeGiven: boolean;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: bigint;
  readonly strength: number | undefined;
  /** Weight of the checkpoint's LoRA. */
  readonly lora: number | undefined;
  /** With the noise levels that Lightning LoRAs are made for. */
  readonly lightning: boolean;
  readonly references: readonly RgbImage[];
  /** The area that stood for 1024² pixels. */
  readonly referencePixels: number;
  readonly zeroCond: boolean;
  has(name: string): boolean;
  /** @throws Error when there is no tensor of that name */
  tensor(name: string): ReferenceTensor;
}

export function editingCheckpointPath(name: EditingCase): string {
  return fixturePath(`${name}/checkpoint`);
}

export function readEdit(name: EditingCase, run: string): EditFixture {
  const { metadata, tensors, number, tensor, asked } = readRun(`${name}/${run}.safetensors`);
  return {
    ...asked,
    sizeGiven: metadata.size_given === "1",
    strength: metadata.strength === undefined ? undefined : number("strength"),
    lora: metadata.lora === undefined ? undefined : number("lora"),
    lightning: metadata.lightning === "1",
    references: Array.from({ length: number("references") }, (_, i) => imageOf(tensor(`reference/${i}`))),
    referencePixels: number("reference_pixels"),
    zeroCond: metadata.zero_cond_t === "1",
    has: (key) => tensors.has(key),
    tensor,
  };
}

/** @param tensor u8 [H, W, 3] */
export function imageOf({ data, dims }: ReferenceTensor): RgbImage {
  const [height, width] = dims as [number, number];
  return { width, height, pixels: data as Uint8Array };
}

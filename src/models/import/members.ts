import { basename } from "node:path";
import type { ModelCardInput } from "../card.ts";

/** Members of the family that a checkpoint can be, by the words of `--member`. */
export const MEMBERS = ["base", "2512", "edit", "edit-2509", "edit-2511"] as const;
export type MemberName = (typeof MEMBERS)[number];

/** The diffusers pipeline of each member. */
export const PIPELINES: Readonly<Record<MemberName, string>> = {
  base: "QwenImagePipeline",
  "2512": "QwenImagePipeline",
  edit: "QwenImageEditPipeline",
  "edit-2509": "QwenImageEditPlusPipeline",
  "edit-2511": "QwenImageEditPlusPipeline",
};

/** AIRs of the published members. Source: the vendor's list of models. */
export const AIRS: Readonly<Record<MemberName, string>> = {
  base: "runware:108@1",
  "2512": "alibaba:qwen-image@2512",
  edit: "runware:108@20",
  "edit-2509": "runware:108@22",
  "edit-2511": "alibaba:qwen-image-edit@2511",
};

/** Lightning LoRAs in the vendor's list, by file name. */
const LIGHTNING: readonly (readonly [file: RegExp, air: string])[] = [
  [/^Qwen-Image-Edit-Lightning-8steps/i, "runware:108@21"],
  [/^Qwen-Image-Lightning-4steps/i, "runware:108@5"],
  [/^Qwen-Image-Lightning-8steps-V1\.0/i, "runware:108@6"],
  [/^Qwen-Image-Lightning-8steps/i, "runware:108@7"],
];

/** The AIR of a published repository, or of a published LoRA file in one; undefined for others. */
export function publishedAir(repo: string, file: string | undefined): string | undefined {
  if (/^lightx2v\//i.test(repo) && file !== undefined)
    return LIGHTNING.find(([name]) => name.test(basename(file)))?.[1];
  const [, rest] = /^Qwen\/(Qwen-Image(?:-2512|-Edit|-Edit-2509|-Edit-2511)?)$/.exec(repo) ?? [];
  return rest === undefined || file !== undefined ? undefined : AIRS[memberNamed(rest)];
}

/** The member that a file name implies. Tensors distinguish only Edit-2511 from the others. */
export function memberNamed(file: string): MemberName {
  const name = file.toLowerCase();
  if (/edit[-_.]?2511/.test(name)) return "edit-2511";
  if (/edit[-_.]?(2509|plus)/.test(name)) return "edit-2509";
  if (/qwen[-_.]?image[-_.]?edit/.test(name)) return "edit";
  return /2512/.test(name) ? "2512" : "base";
}

/** Number of steps that a transformer was distilled to, by its file name; undefined for one that is not distilled. */
export function distilledSteps(file: string): number | undefined {
  const [, steps] = /lightning.*?(\d+)[-_ ]?steps?/i.exec(file) ?? /(\d+)[-_ ]?steps?.*?lightning/i.exec(file) ?? [];
  return steps === undefined ? undefined : Number(steps);
}

type Known = Pick<ModelCardInput, "defaults" | "price" | "tags" | "license">;

/** A price that is independent of size and steps: the vendor has one figure for each editing model. */
const flat = (dollars: number) => ({ unit: dollars, base: 1, perMegapixel: 0, perSquareMegapixel: 0 });

/** Defaults and prices of the published members, from the models' pages and the vendor's price list. */
const CARDS: Readonly<Record<MemberName, Known>> = {
  // The card already has the vendor's defaults and price formula.
  base: {},
  "2512": {},
  edit: { defaults: { steps: 50, CFGScale: 4, width: 1024, height: 1024 }, price: flat(0.0045) },
  "edit-2509": { defaults: { steps: 40, CFGScale: 4, width: 1024, height: 1024 }, price: flat(0.0141) },
  "edit-2511": { defaults: { steps: 40, CFGScale: 4, width: 1024, height: 1024 }, price: flat(0.0063) },
};

/**
 * Defaults and price of a published checkpoint. A distilled one gets its number of steps, and no guidance.
 * @param file name of the transformer's file or repository
 */
export function knownCheckpoint(file: string, member: MemberName): Known {
  const card = {
    ...CARDS[member],
    tags: ["qwen-image", member.startsWith("edit") ? "image-to-image" : "text-to-image"],
  };
  const steps = distilledSteps(file);
  return steps === undefined ? card : { ...card, defaults: { ...card.defaults, steps, CFGScale: 1 } };
}

/** Members of the family that checkpoints are made of here, by the words of `--member`. */
export const MEMBERS = ["base", "2512", "edit", "edit-2509", "edit-2511"] as const;
export type MemberName = (typeof MEMBERS)[number];

/** The pipeline of diffusers that draws with a member. */
export const PIPELINES: Readonly<Record<MemberName, string>> = {
  base: "QwenImagePipeline",
  "2512": "QwenImagePipeline",
  edit: "QwenImageEditPipeline",
  "edit-2509": "QwenImageEditPlusPipeline",
  "edit-2511": "QwenImageEditPlusPipeline",
};

/** The member that a file's name says; its tensors tell only Edit-2511 from the others. */
export function memberNamed(file: string): MemberName {
  const name = file.toLowerCase();
  if (/edit[-_.]?2511/.test(name)) return "edit-2511";
  if (/edit[-_.]?(2509|plus)/.test(name)) return "edit-2509";
  if (/qwen[-_.]?image[-_.]?edit/.test(name)) return "edit";
  return /2512/.test(name) ? "2512" : "base";
}

/** Steps that a distilled transformer was made for, by its file's name; undefined for one that is not distilled. */
export function distilledSteps(file: string): number | undefined {
  const [, steps] = /lightning.*?(\d+)[-_ ]?steps?/i.exec(file) ?? /(\d+)[-_ ]?steps?.*?lightning/i.exec(file) ?? [];
  return steps === undefined ? undefined : Number(steps);
}

/** NaN and infinity although every weight is finite: the product of a weight and its input overflows. These errors name the cause. */

import { basename } from "node:path";
import { CheckpointError } from "../weights/index.ts";
import { ParameterError } from "./check.ts";
import type { ControlParams } from "./control-net/params.ts";
import type { LoraParams } from "./lora/params.ts";

/** The inputs of a pass that change what the transformer computes. */
export interface Suspects {
  /** Folder of the checkpoint. */
  readonly folder: string;
  readonly loras: readonly LoraParams[];
  readonly controls: readonly ControlParams[];
}

/** The inputs of a repeated pass. */
export interface Trial {
  readonly loras: boolean;
  /** Indices of ControlNets. */
  readonly controls: readonly number[];
}

const WHAT = "the transformer computes NaN or infinity";

/**
 * The error for a pass with NaN or infinity. Repeats the pass without its ControlNets and LoRAs, which takes as long as a step or a few.
 * @param suspects with the ControlNets that act in this step; those of weight 0 take no part
 * @param repeat repeats the pass; true when its velocity is finite
 * @returns CheckpointError if the checkpoint alone computes them, otherwise ParameterError
 */
export async function causeOf(suspects: Suspects, repeat: (trial: Trial) => Promise<boolean>): Promise<Error> {
  const loras = inUse(suspects.loras);
  const controls = inUse(suspects.controls);
  if (loras.length + controls.length === 0) return new CheckpointError(`${suspects.folder}: ${WHAT}`);
  if (!(await repeat({ loras: false, controls: [] }))) return new CheckpointError(`${suspects.folder}: ${WHAT}`);
  if (loras.length > 0 && (controls.length === 0 || !(await repeat({ loras: true, controls: [] })))) {
    return byLoras(suspects);
  }
  for (const i of controls) {
    if (controls.length > 1 && (await repeat({ loras: true, controls: [i] }))) continue;
    const name = `controls[${i}].folder`;
    return new ParameterError(name, `${name}: ${suspects.controls[i]!.folder}: with it ${WHAT}; lower its weight`);
  }
  return byControls(suspects);
}

function byLoras({ loras }: Suspects): Error {
  const files = inUse(loras).map((i) => basename(loras[i]!.file));
  return new ParameterError("loras", `loras: with ${files.join(", ")} ${WHAT}; lower their weights`);
}

function byControls({ controls }: Suspects): Error {
  const folders = inUse(controls).map((i) => basename(controls[i]!.folder));
  return new ParameterError("controls", `controls: with ${folders.join(", ")} ${WHAT}; lower their weights`);
}

/** Indices of those with a weight other than 0. */
function inUse(inputs: readonly { readonly weight?: number | undefined }[]): number[] {
  return [...inputs.keys()].filter((i) => inputs[i]!.weight !== 0);
}

/** Parameters that shape the image in addition to the prompt: LoRAs and ControlNets. */

import { float, group, integer, listOf, oneOf } from "../fields/index.ts";
import { WHOLE_WINDOW } from "./step-window.ts";
import { air, imageReference } from "./values.ts";

export const LORA_STAGES = ["high", "low", "both"] as const;

/** Low-rank adaptations of the model. Their effects add up. */
export const lora = listOf(
  "LoRA models to apply. Their effects add up.",
  group("One LoRA.", {
    model: air("LoRA model identifier."),
    weight: float("Strength. 0 means no influence; negative values steer away.", {
      min: -4,
      max: 4,
      step: 0.01,
    }).default(1),
    transformer: oneOf(
      "Steps at which the LoRA applies: `high` noise (the early steps), `low` noise (the late steps), or `both`.",
      LORA_STAGES,
    ).default("both"),
  }),
  16,
);

export const CONTROL_MODES = ["balanced", "controlnet", "prompt"] as const;

/** Guide images that shape the result. Their effects add up. */
export const controlNet = listOf(
  "ControlNet models with their guide images. Their effects add up.",
  group("One ControlNet.", {
    model: air("ControlNet model identifier."),
    guideImage: imageReference("Reference image, already preprocessed (UUID, URL, data URI, or base64)."),
    weight: float("Strength. 0 means no influence; negative values steer away.", {
      min: -4,
      max: 4,
      step: 0.01,
    }).default(1),
    controlMode: oneOf(
      "`balanced`: equal weight; `controlnet`: the guide image prevails; `prompt`: the prompt prevails.",
      CONTROL_MODES,
    ).default("balanced"),
    startStep: integer("First step under the influence of the ControlNet. Less than the end.", { min: 0 }).optional(),
    endStep: integer("Step at which the influence ends. Greater than the start, at most `steps`.", {
      min: 1,
    }).optional(),
    startStepPercentage: integer("The start as a percentage of steps. Not together with `startStep`.", {
      min: 0,
      max: 99,
      assumed: WHOLE_WINDOW.startPercentage,
    }).optional(),
    endStepPercentage: integer("The end as a percentage of steps. Not together with `endStep`.", {
      min: 1,
      max: 100,
      assumed: WHOLE_WINDOW.endPercentage,
    }).optional(),
  }),
  8,
);

import { air, float, group, listOf, oneOf } from "./field.ts";

export const LORA_STAGES = ["high", "low", "both"] as const;

/** Low-rank adaptations of the model; their effects add up. */
export const lora = listOf(
  "LoRA models to apply. Several add up.",
  group("One LoRA.", {
    model: air("LoRA model identifier."),
    weight: float("Strength. 0 means no influence; negative values steer away.", {
      min: -4,
      max: 4,
      step: 0.01,
    }).default(1),
    transformer: oneOf(
      "Steps at which it applies: `high` noise (the early ones), `low` noise (the late ones), or `both`.",
      LORA_STAGES,
    ).default("both"),
  }),
  16,
);

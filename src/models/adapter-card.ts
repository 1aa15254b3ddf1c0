import { z } from "zod";
import { COMMON_KEYS } from "./card.ts";
import { ModelError } from "./errors.ts";

/** Kinds of adapters, by the words of `--kind`. */
export const ADAPTER_KINDS = ["lora", "controlnet"] as const;
export type AdapterKind = (typeof ADAPTER_KINDS)[number];

/** The card of a LoRA or a ControlNet: `card.json` in a folder of the models directory. */
const adapterCard = z.strictObject({
  kind: z.enum(ADAPTER_KINDS),
  ...COMMON_KEYS,
  /** Version by its author, for people. */
  version: z.string().max(200).optional(),
  positiveTriggerWords: z.string().max(1000).optional(),
  heroImageURL: z.string().max(8192).optional(),
  defaultWeight: z.number().min(-4).max(4).optional(),
  /** For a ControlNet: what its guide images show. */
  conditioning: z.string().max(100).optional(),
  /** SHA-256 of the downloaded file, in hexadecimal. */
  sha256: z.string().length(64).optional(),
  /** Id of the upload. A repeated upload recognises its own model by it. */
  receipt: z.string().max(100).optional(),
  /** Safetensors file of a LoRA, or folder of a ControlNet in diffusers layout; absolute, or relative to the folder of the card. */
  path: z.string().min(1),
  /**
   * Noise levels that a distilled LoRA was trained with, by the keys of `scheduler_config.json`. Qwen-Image-Lightning:
   * both shifts 1.0986 (ln 3), `shift_terminal` null.
   */
  schedule: z
    .strictObject({
      base_shift: z.number().optional(),
      max_shift: z.number().optional(),
      shift_terminal: z.number().gt(0).lt(1).nullable().optional(),
    })
    .optional(),
  /** Values that a distilled LoRA is generated with, for fields that a task omits. */
  defaults: z
    .strictObject({ steps: z.int().min(1).max(50).optional(), CFGScale: z.number().min(1).max(20).optional() })
    .optional(),
});
export type AdapterCard = z.output<typeof adapterCard>;
export type AdapterCardInput = z.input<typeof adapterCard>;

/** True for the card of an adapter, false for that of a checkpoint. The card need not be checked yet. */
export function isAdapterCard(card: unknown): boolean {
  return ADAPTER_KINDS.includes((card as { kind?: AdapterKind } | undefined)?.kind as AdapterKind);
}

/**
 * Checks a card and adds its defaults.
 * @throws ModelError `invalidCard` naming `source`, the key, and the fault
 */
export function parseAdapterCard(card: unknown, source: string): AdapterCard {
  const result = adapterCard.safeParse(card);
  if (!result.success) throw new ModelError("invalidCard", `${source}: ${z.prettifyError(result.error)}`);
  return result.data;
}

/**
 * Schedule and defaults of a published distilled LoRA, by its file name. The shift of Qwen-Image-Lightning is 3 at every size, without
 * terminal stretch. Its name has the number of steps; it needs no guidance.
 * Source: the model card of lightx2v/Qwen-Image-Lightning; model spec 8.5.
 */
export function knownDistillation(file: string): Pick<AdapterCardInput, "schedule" | "defaults"> {
  const [, , steps] = /^qwen-image-(.+-)?lightning-(\d+)steps/i.exec(file) ?? [];
  if (steps === undefined) return {};
  return {
    schedule: { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null },
    defaults: { steps: Number(steps), CFGScale: 1 },
  };
}

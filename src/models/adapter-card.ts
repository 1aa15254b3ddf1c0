import { z } from "zod";
import { COMMON_KEYS } from "./card.ts";
import { ModelError } from "./errors.ts";

export const ADAPTER_KINDS = ["lora", "controlnet"] as const;
export type AdapterKind = (typeof ADAPTER_KINDS)[number];

/** What is known of a LoRA or a ControlNet: `card.json` in a folder of the models directory. */
const adapterCard = z.strictObject({
  kind: z.enum(ADAPTER_KINDS),
  ...COMMON_KEYS,
  /** What whoever uploaded it said of it, for people. */
  version: z.string().max(200).optional(),
  positiveTriggerWords: z.string().max(1000).optional(),
  heroImageURL: z.string().max(8192).optional(),
  defaultWeight: z.number().min(-4).max(4).optional(),
  /** Of a ControlNet: what its guide images show. */
  conditioning: z.string().max(100).optional(),
  /** Of the file that was downloaded. */
  sha256: z.string().length(64).optional(),
  /** Names the upload that brought it: by this it knows its own model when it is begun again. */
  receipt: z.string().max(100).optional(),
  /** A LoRA's safetensors file, or a ControlNet's folder in diffusers layout; absolute or relative to the card's own folder. */
  path: z.string().min(1),
  /**
   * The noise levels that a distilled LoRA was trained with, by the keys of `scheduler_config.json`. Qwen-Image-Lightning:
   * both shifts 1.0986 (ln 3), `shift_terminal` null.
   */
  schedule: z
    .strictObject({
      base_shift: z.number().optional(),
      max_shift: z.number().optional(),
      shift_terminal: z.number().gt(0).lt(1).nullable().optional(),
    })
    .optional(),
  /** What a distilled LoRA is drawn with where a task does not say. */
  defaults: z
    .strictObject({ steps: z.int().min(1).max(50).optional(), CFGScale: z.number().min(1).max(20).optional() })
    .optional(),
});
export type AdapterCard = z.output<typeof adapterCard>;
export type AdapterCardInput = z.input<typeof adapterCard>;

/** Whether a card, not checked yet, is an adapter's rather than a checkpoint's. */
export function isAdapterCard(card: unknown): boolean {
  return ADAPTER_KINDS.includes((card as { kind?: AdapterKind } | undefined)?.kind as AdapterKind);
}

/**
 * Checks a card and fills in its defaults.
 * @throws ModelError `invalidCard` naming `source`, the key, and what is wrong with it
 */
export function parseAdapterCard(card: unknown, source: string): AdapterCard {
  const result = adapterCard.safeParse(card);
  if (!result.success) throw new ModelError("invalidCard", `${source}: ${z.prettifyError(result.error)}`);
  return result.data;
}

/**
 * What a published LoRA was distilled with, by the name of its file: Qwen-Image-Lightning's shift is 3 at every size, with no terminal
 * stretch; its steps are those of its name, without guidance. Source: the model card of lightx2v/Qwen-Image-Lightning; model spec 8.5.
 */
export function knownDistillation(file: string): Pick<AdapterCardInput, "schedule" | "defaults"> {
  const [, , steps] = /^qwen-image-(.+-)?lightning-(\d+)steps/i.exec(file) ?? [];
  if (steps === undefined) return {};
  return {
    schedule: { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null },
    defaults: { steps: Number(steps), CFGScale: 1 },
  };
}

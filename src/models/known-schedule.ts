import type { AdapterCardInput } from "./adapter-card.ts";

/**
 * The noise levels that a published LoRA was distilled with, by the name of its file: Qwen-Image-Lightning's shift is 3 at every
 * size, with no terminal stretch. Source: the model card of lightx2v/Qwen-Image-Lightning; model spec 8.5.
 */
export function knownSchedule(file: string): Pick<AdapterCardInput, "schedule"> {
  if (!/^qwen-image-(.+-)?lightning-\d+steps/i.test(file)) return {};
  return { schedule: { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null } };
}

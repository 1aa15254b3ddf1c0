import { z } from "zod";

/** PEFT's configuration, as diffusers writes it into the file's metadata with the component's name before every key. */
const peftConfig = z.looseObject({
  "transformer.r": z.number().positive().optional(),
  "transformer.lora_alpha": z.number().optional(),
  "transformer.rank_pattern": z.record(z.string(), z.number()).nullish(),
  "transformer.alpha_pattern": z.record(z.string(), z.number()).nullish(),
  "transformer.use_rslora": z.boolean().nullish(),
});

/**
 * The scale that an adapter file's metadata gives a layer: alpha / rank, or alpha / √rank for rank-stabilised LoRA.
 * Source: `lora_adapter_metadata` of diffusers' `save_lora_weights`; `LoraLayer.update_layer` of PEFT.
 *
 * @returns undefined for files without it
 */
export function metadataScales(
  metadata: Readonly<Record<string, string>>,
): (layer: string, rank: number) => number | undefined {
  const parsed = peftConfig.safeParse(parseJson(metadata.lora_adapter_metadata));
  const alpha = parsed.data?.["transformer.lora_alpha"];
  if (!parsed.success || alpha === undefined) return () => undefined;
  const patterns = Object.entries(parsed.data["transformer.alpha_pattern"] ?? {});
  return (layer, rank) => {
    // A pattern names a layer or the end of its name, as in PEFT.
    const own = patterns.find(([pattern]) => layer === pattern || layer.endsWith(`.${pattern}`))?.[1] ?? alpha;
    return own / (parsed.data["transformer.use_rslora"] ? Math.sqrt(rank) : rank);
  };
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { runInNewContext } from "node:vm";
import { z } from "zod";
import { CheckpointError, readJson } from "../../weights/index.ts";

/** Keys of PEFT's adapter configuration that set the scale. Ranks come from the tensors. */
const peftConfig = z.looseObject({
  peft_type: z.literal("LORA").default("LORA"),
  /** PEFT's default. */
  lora_alpha: z.number().default(8),
  /** Regular expressions for layer names → alpha of these layers. */
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  use_rslora: z.boolean().nullish(),
  /** Weights that are stored transposed, for layers that this model does not have. */
  fan_in_fan_out: z.literal(false).nullish(),
});
export type PeftConfig = z.infer<typeof peftConfig>;

/**
 * The configuration of an adapter file. It is JSON in the header, as `save_lora_weights` of diffusers writes it (keys start with the
 * component's name). Else it is `adapter_config.json` beside PEFT's `adapter_model.safetensors`, else plain keys of the header.
 *
 * @param metadata of the file's header
 * @returns undefined when the file has no configuration
 * @throws CheckpointError naming the key that cannot be used
 */
export async function readPeftConfig(
  file: string,
  metadata: Readonly<Record<string, string>>,
): Promise<PeftConfig | undefined> {
  const { lora_adapter_metadata: json, lora_alpha: alpha, alpha_pattern: pattern, use_rslora: rslora } = metadata;
  if (json !== undefined) {
    const config = withoutPrefix(parseJson(json, `${file}: lora_adapter_metadata`));
    return config === undefined ? undefined : checked(config, `${file}: lora_adapter_metadata`);
  }
  const beside = join(dirname(file), "adapter_config.json");
  if (basename(file) === "adapter_model.safetensors" && existsSync(beside)) {
    return checked(await readJson(beside), beside);
  }
  if (alpha === undefined) return undefined;
  const flat = {
    lora_alpha: Number(alpha),
    alpha_pattern: pattern === undefined ? undefined : parseJson(pattern, `${file}: alpha_pattern`),
    use_rslora: rslora?.toLowerCase() === "true",
  };
  return checked(flat, `${file}: its header`);
}

/** The keys of the transformer, without its name; undefined when the file has none. */
function withoutPrefix(config: unknown): unknown {
  if (typeof config !== "object" || config === null) return config;
  const entries = Object.entries(config);
  const named = entries.filter(([key]) => key.startsWith("transformer."));
  const own = named.length > 0 ? named : entries.filter(([key]) => !key.includes("."));
  if (own.length === 0) return undefined;
  return Object.fromEntries(own.map(([key, value]) => [key.replace("transformer.", ""), value]));
}

function checked(config: unknown, where: string): PeftConfig {
  const result = peftConfig.safeParse(config);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new CheckpointError(`${where}: ${issues.join("; ")}`);
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Time limit for all patterns on all layers: a pattern in a file from a stranger may backtrack endlessly. */
const PATTERN_MS = 2000;

/**
 * The scale of a layer of this rank: alpha / rank, or alpha / √rank for rank-stabilised LoRA. The first pattern that matches the layer's
 * name, or its end after a dot, gives its alpha. Source: `LoraLayer.update_layer` and `get_pattern_key` of PEFT.
 *
 * @param layers all names that the rule may get
 * @throws CheckpointError naming a pattern that is not a regular expression, or takes too long
 */
export function scaleRule(
  { lora_alpha: alpha, alpha_pattern: patterns, use_rslora: stabilised }: PeftConfig,
  layers: readonly string[],
): (layer: string, rank: number) => number {
  const alphas = new Map<string, number>();
  const keys = Object.keys(patterns ?? {});
  if (keys.length > 0) {
    firstMatches(keys, layers).forEach((match, i) => {
      if (match >= 0) alphas.set(layers[i]!, patterns![keys[match]!]!);
    });
  }
  return (layer, rank) => (alphas.get(layer) ?? alpha) / (stabilised ? Math.sqrt(rank) : rank);
}

/** The index of the first pattern that matches each name, or -1. */
function firstMatches(patterns: readonly string[], names: readonly string[]): number[] {
  const search = `
    const expressions = patterns.map((pattern) => new RegExp("^(.*\\\\.)?(" + pattern + ")$"));
    names.map((name) => expressions.findIndex((expression) => expression.test(name)))`;
  try {
    return runInNewContext(search, { patterns, names }, { timeout: PATTERN_MS });
  } catch (cause) {
    throw new CheckpointError(`alpha_pattern cannot be used: ${(cause as Error).message}`, { cause });
  }
}

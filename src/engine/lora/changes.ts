import type { Weights } from "../../weights/index.ts";
import type { WeightedChange } from "./adaptation.ts";
import { type Lora, readLora } from "./read.ts";

/** A file that cannot be used. */
export class LoraFileError extends Error {
  override readonly name = "LoraFileError";
  readonly file: string;
  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}

/** The combined changes of several adapters. */
export interface Changes {
  /** By tensor name in the checkpoint. */
  readonly changes: ReadonlyMap<string, readonly WeightedChange[]>;
  /** One message for each file with keys that fit no layer. */
  readonly warnings: readonly string[];
}

/**
 * Reads adapter files for the transformer with these weights.
 * @param require called with each file; it throws to refuse the file
 * @throws LoraFileError for a file that is missing, unreadable or fits no layer
 */
export async function readChanges(
  loras: readonly { readonly file: string; readonly weight: number }[],
  weights: Weights,
  require: (file: string, lora: Lora) => void = () => {},
): Promise<Changes> {
  const changes = new Map<string, WeightedChange[]>();
  const warnings: string[] = [];
  for (const { file, weight } of loras) {
    const lora = await readLora(file, weights).catch((cause) => {
      throw new LoraFileError(file, cause.message);
    });
    if (lora.changes.size === 0) {
      const kinds = "supported kinds: LoRA, DoRA, LoHa, LoKr, full differences";
      throw new LoraFileError(file, `${file} fits no layer of this checkpoint (${kinds}): ${named(lora.unused)}`);
    }
    require(file, lora);
    if (lora.unused.length > 0) warnings.push(`${file} fits only in part; ignored keys: ${named(lora.unused)}`);
    for (const [name, change] of lora.changes) changes.set(name, [...(changes.get(name) ?? []), { change, weight }]);
  }
  return { changes, warnings };
}

/** Number of keys that a message lists. */
const NAMED = 5;

/** Lists up to `NAMED` keys, for a message. */
export function named(keys: readonly string[]): string {
  const more = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : "";
  return keys.length === 0 ? "it is empty" : keys.slice(0, NAMED).join(", ") + more;
}

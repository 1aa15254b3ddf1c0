import { basename, join } from "node:path";
import { openLoraMerge } from "../../engine/index.ts";
import { fileIdentity, readJson } from "../../weights/index.ts";
import type { Ingredients, MergedLora } from "./ingredients.ts";
import type { ConvertedPiece, Piece } from "./pieces.ts";

type Unclosed = Omit<Ingredients, "close">;

/**
 * Merges LoRAs into the weights of the transformer. They are added to the decoded numbers, before rounding. The checkpoint gets the noise
 * levels, steps and guidance of a distilled LoRA.
 * @param warn called for files with keys that fit no layer
 * @throws LoraFileError for a file that is missing, unreadable, or fits no layer
 */
export async function withMerged(
  ingredients: Unclosed,
  loras: readonly MergedLora[],
  warn: (message: string) => void,
): Promise<Unclosed> {
  const identity = await Promise.all(
    loras.map(async ({ file, weight }) => [...(await fileIdentity(file)), weight] as const),
  );
  const merged = async (piece: Piece): Promise<Piece> => {
    if (piece.component !== "transformer") return piece;
    const converted = piece as ConvertedPiece; // `gatherCheckpoint` never links a transformer that LoRAs are merged into
    const merge = await openLoraMerge(loras, converted.preview);
    merge.warnings.forEach(warn);
    return { ...converted, merge, identity: [...converted.identity, "merged", ...identity] };
  };
  const distilled = loras.find(({ card, weight }) => weight !== 0 && (card.schedule || card.defaults))?.card;
  const { defaults, ...card } = ingredients.card;
  return {
    ...ingredients,
    pieces: await Promise.all(ingredients.pieces.map(merged)),
    card: { ...card, ...((defaults || distilled?.defaults) && { defaults: { ...defaults, ...distilled?.defaults } }) },
    configs: {
      ...ingredients.configs,
      ...(distilled?.schedule && { [SCHEDULER]: { ...(await schedulerOf(ingredients)), ...distilled.schedule } }),
    },
  };
}

const SCHEDULER = "scheduler/scheduler_config.json";

/** The scheduler's config, to be written or copied. */
async function schedulerOf({ configs, copies }: Unclosed): Promise<object> {
  const folder = copies.find((path) => basename(path) === "scheduler");
  return (
    configs[SCHEDULER] ?? (folder === undefined ? {} : ((await readJson(join(folder, basename(SCHEDULER)))) as object))
  );
}

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ModelError } from "./errors.ts";
import { price } from "./price.ts";

/** An AIR identifier, `source:id@version`. */
export const airPattern = /^[A-Za-z0-9][\w.-]*:[A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*$/;

const air = z.string().regex(airPattern, "must be an AIR: source:id@version");
const side = z.int().min(16).max(16384).multipleOf(16);

const defaults = z.strictObject({
  steps: z.int().min(1).max(50).default(20),
  CFGScale: z.number().min(1).max(20).default(4),
  width: side.default(1024),
  height: side.default(1024),
});

/** Keys of every card, of checkpoints and adapters. */
export const COMMON_KEYS = {
  /** The identifier that tasks use, `source:id@version`. */
  air,
  /** More identifiers. Another model with such an AIR has priority. */
  aliases: z.array(air).default([]),
  name: z.string().min(1).max(200),
  comment: z.string().max(2000).default(""),
  /** SPDX identifier of the weights' licence. */
  license: z.string().min(1).max(100).optional(),
  tags: z.array(z.string().min(1).max(100)).default([]),
  architecture: z.literal("qwen_image").default("qwen_image"),
};

/** The card of a model: `card.json` beside a checkpoint, or in a folder of the models directory. */
export const modelCard = z.strictObject({
  ...COMMON_KEYS,
  /** Checkpoint folder in diffusers layout, absolute or relative to the folder of the card. */
  checkpoint: z.string().min(1).default("."),
  /** Most pixels (width × height) to generate; a larger image is generated smaller and enlarged. Absent: no limit. */
  maxPixels: z.int().min(256).optional(),
  /** Sizes of the training images in pixels, [width, height]. */
  trainedSizes: z.array(z.tuple([side, side])).default([]),
  defaults: defaults.prefault({}),
  price: price.prefault({}),
});
export type ModelCard = z.output<typeof modelCard>;
/** A card before it is checked: keys with a default are optional. */
export type ModelCardInput = z.input<typeof modelCard>;

/**
 * Checks a card and adds its defaults.
 * @throws ModelError `invalidCard` naming `source`, the key, and the fault
 */
export function parseCard(card: unknown, source: string): ModelCard {
  const result = modelCard.safeParse(card);
  if (!result.success) throw new ModelError("invalidCard", `${source}: ${z.prettifyError(result.error)}`);
  return result.data;
}

/**
 * Reads the `card.json` of a checkpoint; undefined when the file does not exist.
 * @throws ModelError `invalidCard`
 */
export async function readCard(path: string): Promise<ModelCard | undefined> {
  const card = await readCardJson(path);
  return card === undefined ? undefined : parseCard(card, path);
}

/**
 * Reads a `card.json` without checking its keys; undefined when the file does not exist.
 * @throws ModelError `invalidCard` when it is not JSON
 */
export async function readCardJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelError("invalidCard", `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Writes a `card.json` atomically into its folder, which is created if necessary. */
export async function writeCard(registration: string, card: object): Promise<void> {
  await mkdir(registration, { recursive: true });
  const temporary = join(registration, `.card.${process.pid}.json`);
  await writeFile(temporary, `${JSON.stringify(card, undefined, 2)}\n`, { flush: true });
  await rename(temporary, join(registration, "card.json"));
}

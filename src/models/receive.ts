import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensorsHeader } from "../engine/checkpoint/safetensors.ts";
import { parseKey } from "../engine/lora/key-grammar.ts";
import { type AdapterCardInput, parseAdapterCard } from "./adapter-card.ts";
import { requireFree } from "./adapters.ts";
import { ModelError } from "./errors.ts";
import type { ModelLocations } from "./locations.ts";

/** Hands a file over piece by piece, in order. */
export type Source = (take: (piece: Uint8Array) => Promise<void>) => Promise<void>;

const FILE = "weights.safetensors";

/**
 * Takes in a LoRA file whole or not at all, and registers it: its folder in the models directory holds file and card.
 *
 * @param card with the checksum that the file must have, if one is known; the card that is written always has it
 * @param told after each stage
 * @throws ModelError `alreadyInstalled`, `invalidCard`, or `damagedFile` for another checksum or no LoRA in safetensors
 * @throws what `source` throws
 */
export async function receiveLora(
  card: Omit<AdapterCardInput, "kind" | "path">,
  source: Source,
  locations: ModelLocations,
  told: (stage: "downloaded" | "checked" | "stored") => void,
): Promise<void> {
  const checked = parseAdapterCard({ ...card, kind: "lora", path: FILE }, card.air);
  await requireFree(card.air, locations);
  const folder = join(locations.modelsDir, `.receiving-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  try {
    const sha256 = await writeFrom(source, join(folder, FILE));
    told("downloaded");
    if (card.sha256 !== undefined && sha256 !== card.sha256.toLowerCase()) {
      throw new ModelError("damagedFile", `the file's SHA-256 is ${sha256}; asked for is ${card.sha256}`);
    }
    await requireLora(folder);
    told("checked");
    await requireFree(card.air, locations); // another upload may have been quicker
    await writeFile(join(folder, "card.json"), `${JSON.stringify({ ...checked, sha256 }, undefined, 2)}\n`);
    await rename(folder, join(locations.modelsDir, card.air.replace(":", "+")));
    told("stored");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeFrom(source: Source, path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "w");
  try {
    await source(async (piece) => {
      hash.update(piece);
      await file.writeFile(piece);
    });
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

async function requireLora(folder: string): Promise<void> {
  const { tensors } = await readSafetensorsHeader(join(folder, FILE)).catch((cause: Error) => {
    const reason = cause.message.replaceAll(join(folder, FILE), "the file");
    throw new ModelError("damagedFile", `it is no safetensors file: ${reason}`, { cause });
  });
  if ([...tensors.keys()].some((key) => parseKey(key) !== undefined)) return;
  const some = [...tensors.keys()].slice(0, 5).join(", ") || "none";
  throw new ModelError("damagedFile", `none of its keys is a LoRA's: ${some}`);
}

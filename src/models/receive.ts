import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type AdapterCardInput, parseAdapterCard } from "./adapter-card.ts";
import { listAdapters } from "./adapters.ts";
import { ModelError } from "./errors.ts";
import { requireFree } from "./free-air.ts";
import type { ModelLocations } from "./locations.ts";
import { completeReceived, LAYOUTS } from "./received-file.ts";
import { type Receipt, receivingFolder } from "./receiving-folder.ts";

/** Hands a file over piece by piece, in order. */
export type Source = (take: (piece: Uint8Array) => Promise<void>) => Promise<void>;

/**
 * Takes in the file of a LoRA or ControlNet whole or not at all, and registers it: its folder in the models directory holds
 * weights and card. What an earlier attempt of the same upload has registered is left as it is.
 *
 * @param card with the checksum that the file must have, if one is known; the card that is written always has it
 * @param told after each stage
 * @throws ModelError `alreadyInstalled`, `invalidCard`, or `damagedFile` for another checksum or no adapter in safetensors
 * @throws what `source` throws
 */
export async function receiveAdapter(
  card: Omit<AdapterCardInput, "path" | "receipt">,
  source: Source,
  receipt: Receipt,
  locations: ModelLocations,
  told: (stage: "downloaded" | "checked" | "stored") => void,
): Promise<void> {
  const { path, file } = LAYOUTS[card.kind];
  const checked = parseAdapterCard({ ...card, path, receipt: receipt.id }, card.air);
  if (await isReceived(card.air, receipt, locations)) return;
  await requireFree(card.air, locations);
  const folder = await emptyFolder(receipt, locations.modelsDir);
  try {
    const target = join(folder, file);
    await mkdir(dirname(target), { recursive: true });
    const sha256 = await writeFrom(source, target);
    told("downloaded");
    if (card.sha256 !== undefined && sha256 !== card.sha256.toLowerCase()) {
      throw new ModelError("damagedFile", `the file's SHA-256 is ${sha256}; asked for is ${card.sha256}`);
    }
    await completeReceived(card.kind, folder);
    told("checked");
    await requireFree(card.air, locations); // another upload may have been quicker
    await writeFile(join(folder, "card.json"), `${JSON.stringify({ ...checked, sha256 }, undefined, 2)}\n`);
    await install(folder, card.air, locations);
    told("stored");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isReceived(air: string, { id }: Receipt, locations: ModelLocations): Promise<boolean> {
  return (await listAdapters(locations)).some(({ card }) => card.air === air && card.receipt === id);
}

/** A new folder for this attempt; those of earlier ones are gone afterwards, and with them whoever still writes there. */
async function emptyFolder({ id, attempt }: Receipt, modelsDir: string): Promise<string> {
  for (let earlier = 1; earlier <= attempt; earlier++) {
    await rm(receivingFolder(modelsDir, { id, attempt: earlier }), { recursive: true, force: true });
  }
  const folder = receivingFolder(modelsDir, { id, attempt });
  await mkdir(folder, { recursive: true });
  return folder;
}

async function install(folder: string, air: string, { modelsDir }: ModelLocations): Promise<void> {
  await rename(folder, join(modelsDir, air.replace(":", "+"))).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOTEMPTY" && cause.code !== "EEXIST") throw cause;
    throw new ModelError("alreadyInstalled", `the folder of ${air} is not empty`, { cause });
  });
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

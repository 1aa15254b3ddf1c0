import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { controlNetFromTensors } from "../engine/index.ts";
import { readSafetensorsHeader } from "../weights/index.ts";
import { type AdapterCardInput, type AdapterKind, parseAdapterCard } from "./adapter-card.ts";
import { listAdapters } from "./adapters.ts";
import { ModelError, type ModelErrorReason } from "./errors.ts";
import { requireFree } from "./free-air.ts";
import type { ModelLocations } from "./locations.ts";
import { requireLora } from "./require-adapter.ts";

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
    await completeApart({ kind: card.kind, folder });
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

/** Which attempt of which upload it is: a later attempt clears up after those before it. */
export interface Receipt {
  readonly id: string;
  readonly attempt: number;
}

const PREFIX = ".receiving-";

/** Where an upload is put together: beside the other models, so that it becomes one of them by a new name alone. */
export const receivingFolder = (modelsDir: string, { id, attempt }: Receipt): string =>
  join(modelsDir, `${PREFIX}${id}-${attempt}`);

/** Removes what uploads have left that nobody begins again: folders begun more than so long ago. */
export async function removeAbandoned({ modelsDir }: ModelLocations, ageMs: number, now = Date.now()): Promise<void> {
  const names = await readdir(modelsDir).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(PREFIX))) {
    const folder = join(modelsDir, name);
    const begun = await stat(folder).catch(() => undefined);
    if (begun && now - begun.mtimeMs > ageMs) await rm(folder, { recursive: true, force: true });
  }
}

/** How an adapter that came as one file lies in its folder of the models directory. */
interface Layout {
  /** The adapter, as its card names it. */
  readonly path: string;
  /** Its one file. */
  readonly file: string;
}

export const LAYOUTS: Readonly<Record<AdapterKind, Layout>> = {
  lora: { path: "weights.safetensors", file: "weights.safetensors" },
  // Below its card, so that `models remove` does not take weights for a mere registration.
  controlnet: { path: "controlnet", file: "controlnet/diffusion_pytorch_model.safetensors" },
};

/**
 * Checks a file that was received, and makes of it what `inkstone models add` takes: a ControlNet gets the `config.json` that its
 * tensors imply.
 * @param folder laid out as `LAYOUTS` says
 * @throws ModelError `damagedFile`
 */
export async function completeReceived(kind: AdapterKind, folder: string): Promise<void> {
  const file = join(folder, LAYOUTS[kind].file);
  const { tensors } = await readSafetensorsHeader(file).catch((cause: Error) => {
    throw new ModelError("damagedFile", `it is no safetensors file: ${nameless(cause.message, file)}`, { cause });
  });
  if (kind === "lora") requireLora([...tensors.keys()]);
  else await completeControlNet(dirname(file));
}

/** What the thread is asked. */
export interface CheckJob {
  readonly kind: AdapterKind;
  readonly folder: string;
}

/** What became of it: nothing to say, or what its error is made of. */
export interface CheckOutcome {
  readonly reason?: ModelErrorReason | undefined;
  readonly message?: string;
}

/** Of the thread: many times what the largest header takes. */
const CHECK_MEMORY_MB = 1_024;
const CHECK_TIMEOUT_MS = 60_000;

/** Does `completeReceived` in a thread. Rejects with a ModelError `damagedFile` also when that takes too much time or memory. */
async function completeApart(job: CheckJob): Promise<void> {
  const program = new URL(import.meta.url.replace(/receive\.(ts|js)$/, "received-file-child.$1"));
  const thread = new Worker(program, {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: CHECK_MEMORY_MB },
  });
  const timer = setTimeout(() => void thread.terminate(), CHECK_TIMEOUT_MS);
  try {
    const { message, reason } = await new Promise<CheckOutcome>((resolve) => {
      const tooCostly: CheckOutcome = { reason: "damagedFile", message: "checking it takes too much time or memory" };
      thread.once("message", resolve);
      thread.once("error", (error: NodeJS.ErrnoException) =>
        resolve(error.code === "ERR_WORKER_OUT_OF_MEMORY" ? tooCostly : { message: error.message }),
      );
      thread.once("exit", () => resolve(tooCostly));
    });
    if (message === undefined) return;
    throw reason === undefined ? new Error(message) : new ModelError(reason, message);
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

async function completeControlNet(folder: string): Promise<void> {
  const config = await controlNetFromTensors(folder).catch((cause: Error) => {
    throw new ModelError("damagedFile", `it is no QwenImageControlNetModel: ${nameless(cause.message, folder)}`, {
      cause,
    });
  });
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
}

/** Where files lie on the server is no caller's business. */
const nameless = (message: string, path: string): string =>
  message.replaceAll(`${path}: `, "").replaceAll(path, "the file");

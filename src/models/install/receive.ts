import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { controlNetFromTensors } from "../../engine/index.ts";
import { readSafetensorsHeader } from "../../weights/index.ts";
import { type AdapterCardInput, type AdapterKind, parseAdapterCard } from "../adapter-card.ts";
import { listAdapters } from "../adapters.ts";
import { ModelError, type ModelErrorReason } from "../errors.ts";
import type { ModelLocations } from "../locations.ts";
import { requireFree } from "./free-air.ts";
import { requireLora } from "./require-adapter.ts";

/** Passes a file on piece by piece, in order. */
export type Source = (take: (piece: Uint8Array) => Promise<void>) => Promise<void>;

/**
 * Receives the file of a LoRA or ControlNet and registers it, completely or not at all. Its folder in the models directory contains the
 * weights and the card. A model that an earlier attempt of the same upload registered stays unchanged.
 *
 * @param card may include the checksum that the file must have; the written card always has it
 * @param told called after each stage
 * @throws ModelError `alreadyInstalled`, `invalidCard`, or `damagedFile` for a wrong checksum or a file without an adapter in safetensors
 * @throws the error of `source`
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
      throw new ModelError("damagedFile", `the file's SHA-256 is ${sha256}; the request says ${card.sha256}`);
    }
    await completeApart({ kind: card.kind, folder });
    told("checked");
    await requireFree(card.air, locations); // another upload may have been faster
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

/** Makes a folder for this attempt and deletes those of earlier ones, so that they cannot continue to write. */
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
    throw new ModelError("alreadyInstalled", `the folder of ${air} in the models directory is not empty`, { cause });
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

/** An attempt of an upload. A later attempt deletes the files of earlier ones. */
export interface Receipt {
  readonly id: string;
  readonly attempt: number;
}

const PREFIX = ".receiving-";

/** Folder of an upload in progress. It is beside the other models, so that renaming it completes the upload. */
export const receivingFolder = (modelsDir: string, { id, attempt }: Receipt): string =>
  join(modelsDir, `${PREFIX}${id}-${attempt}`);

/** Deletes folders of abandoned uploads: those that started more than `ageMs` ago. */
export async function removeAbandoned({ modelsDir }: ModelLocations, ageMs: number, now = Date.now()): Promise<void> {
  const names = await readdir(modelsDir).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(PREFIX))) {
    const folder = join(modelsDir, name);
    const begun = await stat(folder).catch(() => undefined);
    if (begun && now - begun.mtimeMs > ageMs) await rm(folder, { recursive: true, force: true });
  }
}

/** Layout of a received adapter in its folder of the models directory. */
interface Layout {
  /** The adapter, as its card names it. */
  readonly path: string;
  /** Its file. */
  readonly file: string;
}

/** The layout of each kind of adapter. */
export const LAYOUTS: Readonly<Record<AdapterKind, Layout>> = {
  lora: { path: "weights.safetensors", file: "weights.safetensors" },
  // In a folder below its card, so that `models remove` recognises that the weights belong to it.
  controlnet: { path: "controlnet", file: "controlnet/diffusion_pytorch_model.safetensors" },
};

/**
 * Checks a received file and completes the adapter: a ControlNet gets the `config.json` that its tensors imply.
 * @param folder in the layout of `LAYOUTS`
 * @throws ModelError `damagedFile`
 */
export async function completeReceived(kind: AdapterKind, folder: string): Promise<void> {
  const file = join(folder, LAYOUTS[kind].file);
  const { tensors } = await readSafetensorsHeader(file).catch((cause: Error) => {
    throw new ModelError("damagedFile", `it is not a safetensors file: ${nameless(cause.message, file)}`, { cause });
  });
  if (kind === "lora") requireLora([...tensors.keys()]);
  else await completeControlNet(dirname(file));
}

/** The message to the thread. */
export interface CheckJob {
  readonly kind: AdapterKind;
  readonly folder: string;
}

/** The result: empty, or the parts of an error. */
export interface CheckOutcome {
  readonly reason?: ModelErrorReason | undefined;
  readonly message?: string;
}

/** Memory limit of the thread: many times the need of the largest header. */
const CHECK_MEMORY_MB = 1_024;
const CHECK_TIMEOUT_MS = 60_000;

/** Runs `completeReceived` in a thread. Rejects with a ModelError `damagedFile` also when it takes too much time or memory. */
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
    throw new ModelError("damagedFile", `it is not a QwenImageControlNetModel: ${nameless(cause.message, folder)}`, {
      cause,
    });
  });
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
}

/** Removes paths of the server, which callers must not see. */
const nameless = (message: string, path: string): string =>
  message.replaceAll(`${path}: `, "").replaceAll(path, "the file");

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PictureTask, ReferenceCount } from "../protocol/index.ts";
import type { Adapter } from "./adapters.ts";
import { listAdapters } from "./adapters.ts";
import type { ModelLocations } from "./locations.ts";
import { costPerPicture, type Price } from "./price.ts";
import { referenceCount } from "./references.ts";
import { listModels, type Model, modelNamed } from "./registry.ts";

/** An installed model, as `modelSearch` reports it. */
export interface ModelSummary {
  /** Number of reference images that a checkpoint accepts. */
  readonly references?: ReferenceCount;
  readonly air: string;
  readonly name: string;
  readonly version: string;
  /** More identifiers that tasks may use. */
  readonly aliases?: readonly string[];
  readonly category: "checkpoint" | "lora" | "lycoris" | "controlnet" | "vae" | "embeddings";
  readonly architecture: string;
  readonly type?: string;
  readonly conditioning?: string;
  readonly tags?: readonly string[];
  readonly comment?: string;
  readonly license?: string;
  /** Size of its files on disk. */
  readonly bytes?: number;
  /** Larger images are generated with this number of pixels, then enlarged. */
  readonly maxPixels?: number;
  /** Width and height of its training images. */
  readonly trainedSizes?: readonly (readonly [number, number])[];
  readonly defaultWidth?: number;
  readonly defaultHeight?: number;
  readonly defaultSteps?: number;
  readonly defaultScheduler?: string;
  readonly defaultCFG?: number;
  readonly defaultWeight?: number;
  readonly positiveTriggerWords?: string;
  readonly heroImage?: string;
  /** Its capabilities in the API's words: `io:text-to-image`, `op:inpaint`. */
  readonly capabilities?: readonly string[];
  /** `official` is included in the package. */
  readonly source?: "official" | "community";
  /** Date of its card. */
  readonly addedAt?: Date;
  /** Price of an image; only for a checkpoint. */
  readonly price?: Price;
}

/** The installed models. */
export interface ModelCatalogue {
  list(): Promise<readonly ModelSummary[]>;
  /** Price of one result of a task in US dollars; undefined when the model is not installed. */
  cost(task: PictureTask): Promise<number | undefined>;
}

/** Milliseconds of a clock that no change of the system time affects. */
const monotonic = (): number => performance.now();

/** Cards are read again after this time, so that a running server finds a new model. */
const FRESH_MS = 1000;

/** The installed models, for the API and for the worker. */
export interface InstalledModels extends ModelCatalogue {
  /** @throws ModelError `unknownModel` listing the known models, `invalidCard` */
  find(air: string): Promise<Model>;
  /** The AIR of the checkpoint in a folder; undefined when it is no longer installed. */
  airOf(folder: string): Promise<string | undefined>;
  /** Reads the cards again on the next call. */
  refresh(): void;
}

/**
 * Opens the installed models. Cards are read at most once a second.
 * @param now monotonic milliseconds
 */
export function openModelCatalogue(locations: ModelLocations, now: () => number = monotonic): InstalledModels {
  const models = cachedBriefly(() => listModels(locations), now);
  const adapters = cachedBriefly(() => listAdapters(locations), now);
  // Sizes and dates of files are read too, which takes too long for every task.
  const summaries = cachedBriefly(
    async () => Promise.all([...(await models.read()).map(summary), ...(await adapters.read()).map(adapterSummary)]),
    now,
  );
  const list = summaries.read;
  return {
    refresh() {
      for (const kept of [models, adapters, summaries]) kept.forget();
    },
    find: async (air) => modelNamed(air, await models.read()),
    airOf: async (folder) => (await models.read()).find((model) => model.folder === folder)?.card.air,
    list,
    cost: async (task) => costAmong(await list(), task),
  };
}

/** Price of one result of a task, by the price of its model in `models`; undefined when its model is missing there. */
export function costAmong(models: readonly ModelSummary[], task: PictureTask): number | undefined {
  if (task.taskType !== "imageInference") return 0;
  const found = models.find(({ air }) => air === task.model) ?? models.find((one) => one.aliases?.includes(task.model));
  return found?.price && costPerPicture(found.price, task);
}

/** The result of `read`, kept while it is fresh. */
function cachedBriefly<T>(read: () => Promise<T>, now: () => number) {
  let kept: { readonly at: number; readonly found: Promise<T> } | undefined;
  return {
    read(): Promise<T> {
      if (kept === undefined || now() - kept.at > FRESH_MS) kept = { at: now(), found: read() };
      return kept.found;
    },
    forget() {
      kept = undefined;
    },
  };
}

const DRAWING = ["io:text-to-image", "io:image-to-image", "op:inpaint", "op:outpaint"];
const EDITING = ["io:image-to-image", "op:edit", "op:inpaint", "op:outpaint"];

const sourceOf = (origin: Model["origin"]) => (origin === "bundled" ? "official" : "community");

const writtenAt = (card: string): Promise<Date | undefined> =>
  stat(card).then(
    ({ mtime }) => mtime,
    () => undefined,
  );

async function summary({ card, origin, folder, registration = folder }: Model): Promise<ModelSummary> {
  const [name, version] = [card.name, card.air.split("@")[1]!];
  const references = await referenceCount(folder);
  return {
    air: card.air,
    name,
    version,
    aliases: card.aliases,
    category: "checkpoint",
    references,
    type: "base",
    architecture: card.architecture,
    tags: card.tags,
    comment: card.comment,
    defaultWidth: card.defaults.width,
    defaultHeight: card.defaults.height,
    defaultSteps: card.defaults.steps,
    defaultScheduler: "Default",
    defaultCFG: card.defaults.CFGScale,
    license: card.license,
    price: card.price,
    bytes: await bytesIn(folder),
    maxPixels: card.maxPixels,
    trainedSizes: card.trainedSizes,
    capabilities: references.max > 0 ? EDITING : DRAWING,
    source: sourceOf(origin),
    addedAt: await writtenAt(join(registration, "card.json")),
  };
}

/** Size of a file, or of all files in a folder; undefined when it does not exist. */
async function bytesIn(path: string): Promise<number | undefined> {
  try {
    const facts = await stat(path);
    if (!facts.isDirectory()) return facts.size;
    const names = await readdir(path, { recursive: true });
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    return undefined;
  }
}

async function adapterSummary({ card, path, origin, registration }: Adapter): Promise<ModelSummary> {
  return {
    air: card.air,
    name: card.name,
    version: card.version ?? card.air.split("@")[1]!,
    aliases: card.aliases,
    category: card.kind,
    architecture: card.architecture,
    tags: card.tags,
    comment: card.comment,
    license: card.license,
    bytes: await bytesIn(path),
    defaultWeight: card.defaultWeight,
    defaultSteps: card.defaults?.steps,
    defaultCFG: card.defaults?.CFGScale,
    conditioning: card.conditioning,
    positiveTriggerWords: card.positiveTriggerWords,
    heroImage: card.heroImageURL,
    source: sourceOf(origin),
    addedAt: await writtenAt(join(registration, "card.json")),
  };
}

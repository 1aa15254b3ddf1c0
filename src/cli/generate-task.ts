/** Builds one validated task from flags and `--params`. Schema, words and errors are those of the API. */

import { randomInt, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  DEFAULT_MODEL,
  findModel,
  listAdapters,
  type Model,
  type ModelLocations,
  modelLocations,
  referenceCount,
} from "../models/index.ts";
import {
  type ImageInferenceTask,
  loraDefaults,
  modelErrors,
  parseJson,
  parseTask,
  refusalFor,
} from "../protocol/index.ts";
import { UsageError } from "./exit.ts";
import { fromFlags, type GivenFlags, generateFlags } from "./generate-flags.ts";
import type { Terminal } from "./terminal.ts";

/** The images to generate. */
export interface Order {
  readonly task: ImageInferenceTask;
  readonly model: Model;
  /** Seed of the first image, 0 … 2⁶⁴-1. */
  readonly seed: bigint;
  /** True if the file format was given and is not just the default. */
  readonly formatGiven: boolean;
}

/** Parameters about delivery, and the one value that is harmless here. The command only writes files. */
const delivery: Readonly<Record<string, unknown>> = {
  outputType: "URL",
  deliveryMethod: "sync",
  webhookURL: undefined,
  uploadEndpoint: undefined,
  ttl: undefined,
};

const maxSeed = 2n ** 64n - 1n;

/**
 * @throws UsageError for the first or all invalid parameters, each with its value and the allowed values
 * @throws ModelError if the model does not exist
 */
export async function readOrder(
  prompt: string | undefined,
  flags: GivenFlags & { readonly params?: string },
  terminal: Terminal,
): Promise<Order> {
  const given = merge(await readParams(flags.params, terminal), await fromFlags(prompt, flags, terminal));
  refuseDelivery(given);
  if ((given.positivePrompt ?? undefined) === undefined) {
    throw new UsageError(
      'the prompt is missing: give it as inkstone generate "PROMPT", or as positivePrompt in --params FILE',
    );
  }
  const name = given.model ?? DEFAULT_MODEL;
  if (typeof name !== "string") throw new UsageError(`model is ${name}; allowed is text: an AIR or a folder`);
  const local = flags.model === undefined ? name : resolvePath(name, terminal);
  const locations = modelLocations(terminal.env);
  const model = await findModel(local, locations);
  const references = await referenceCount(model.folder);
  const { seed, ...rest } = withDefaults(given, model, references.max > 0, await distilled(given, locations));
  const parsed = parseTask({ ...rest, model: model.card.air });
  if (!parsed.ok) throw generateFlags.refusal(refusalFor(parsed, () => references));
  const task = parsed.task as ImageInferenceTask;
  const [unfit] = modelErrors(task, references);
  if (unfit) throw generateFlags.refusal([unfit]);
  return { task, model, seed: readSeed(seed), formatGiven: (given.outputFormat ?? undefined) !== undefined };
}

/** Flags win over the file. Groups are merged key by key, lists are replaced. */
function merge(params: Record<string, unknown>, flags: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...params, ...flags };
  for (const [key, above] of Object.entries(flags)) {
    const below = params[key];
    if (isGroup(below) && isGroup(above) && key !== "outpaint") merged[key] = merge(below, above);
  }
  return merged;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function readParams(file: string | undefined, terminal: Terminal): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const name = file === "-" ? "standard input" : file;
  const reading = file === "-" ? readBounded(terminal.stdin) : readFile(resolve(terminal.cwd, file));
  const text = await reading.catch((error: Error) => {
    throw new UsageError(`--params: ${name} cannot be read (${error.message})`);
  });
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new UsageError(`--params: ${name} is not JSON (${(error as Error).message})`);
  }
  // A request to the API is a list of tasks.
  const task = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof task !== "object" || task === null || Array.isArray(task)) {
    throw new UsageError(`--params: ${name} must contain one task object, or a list with one`);
  }
  if ((task.taskType ?? "imageInference") !== "imageInference") {
    throw new UsageError(`--params: taskType is ${JSON.stringify(task.taskType)}; allowed is "imageInference"`);
  }
  return task as Record<string, unknown>;
}

/** More bytes than this on standard input cannot be a task. */
const MOST_BYTES = 256 * 2 ** 20;

async function readBounded(input: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of input) {
    length += pieces[pieces.push(Buffer.from(piece)) - 1]!.length;
    if (length > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES} bytes`);
  }
  return Buffer.concat(pieces);
}

function refuseDelivery(given: Record<string, unknown>): void {
  for (const [parameter, neutral] of Object.entries(delivery)) {
    const value = given[parameter] ?? undefined;
    if (value === undefined || value === neutral) continue;
    throw new UsageError(
      `${parameter} is ${JSON.stringify(value)}; it sets the delivery of a server, and inkstone generate only writes files:` +
        ` leave it out${neutral === undefined ? "" : `, or use ${JSON.stringify(neutral)}`}`,
    );
  }
}

/** Defaults from a LoRA that was distilled to few steps. */
async function distilled({ lora }: Record<string, unknown>, locations: ModelLocations) {
  if (lora === undefined || lora === null) return {};
  const loras = (await listAdapters(locations)).filter(({ card }) => card.kind === "lora");
  const { steps, CFGScale } = loraDefaults(lora, (air) => {
    const named = loras.find(({ card }) => card.air === air) ?? loras.find(({ card }) => card.aliases.includes(air));
    return named?.card.defaults;
  });
  return { ...(steps !== undefined && { steps }), ...(CFGScale !== undefined && { CFGScale }) };
}

/**
 * Fills in missing parameters from the LoRA or the model's card. The size of an edit depends on its reference images.
 */
function withDefaults(given: Record<string, unknown>, { card }: Model, edits: boolean, fromLora: object) {
  const { width, height, ...other } = { ...card.defaults, ...fromLora };
  const defaults = { taskType: "imageInference", taskUUID: randomUUID(), ...other, ...(!edits && { width, height }) };
  const present = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
  return { ...defaults, ...Object.fromEntries(present) } as Record<string, unknown>;
}

function readSeed(given: unknown): bigint {
  if (given === undefined) return BigInt(randomInt(2 ** 32));
  const isWhole = typeof given === "bigint" || (typeof given === "number" && Number.isSafeInteger(given));
  if (isWhole || (typeof given === "string" && /^\d{1,20}$/.test(given))) {
    const seed = BigInt(given);
    if (seed >= 0n && seed <= maxSeed) return seed;
  }
  throw new UsageError(
    `${generateFlags.named("seed", `seed is ${given}`)}; allowed is a whole number from 0 to ${maxSeed}`,
  );
}

/** A `--model` that is a folder is relative to the current folder. */
function resolvePath(name: string, { cwd }: Terminal): string {
  return /[/\\]|^\.+$/.test(name) ? resolve(cwd, name) : name;
}

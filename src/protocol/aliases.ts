/** Other spellings of parameters that real clients send, mapped to the spelling of the schema. */

import { stringifyJson } from "./json.ts";
import { isStorable } from "./storable-text.ts";
import { TaskError } from "./task-error.ts";

type Raw = Record<string, unknown>;

/** Top-level keys that belong in a group. */
export const MOVED: ReadonlyArray<readonly [from: string, group: string, key: string]> = [
  ["seedImage", "inputs", "seedImage"],
  ["maskImage", "inputs", "maskImage"],
  ["strength", "inputs", "strength"],
  ["referenceImages", "inputs", "referenceImages"],
  ["trueCFGScale", "settings", "trueCFGScale"],
  ["ultralytics", "advancedFeatures", "ultralytics"],
  ["checkNSFW", "safety", "checkContent"],
];

/** Older names of keys within a group. */
const RENAMED: ReadonlyArray<readonly [group: string, from: string, to: string]> = [
  ["inputs", "references", "referenceImages"],
  ["acceleratorOptions", "fbcache", "fbCache"],
];

/** The API's slugs for the supported models, mapped to AIRs. */
export const SLUGS: Readonly<Record<string, string>> = {
  "alibaba-qwen-image": "runware:108@1",
  "alibaba-qwen-image-2512": "alibaba:qwen-image@2512",
  "alibaba-qwen-image-edit": "runware:108@20",
  "alibaba-qwen-image-edit-plus": "runware:108@22",
  "alibaba-qwen-image-edit-2511": "alibaba:qwen-image-edit@2511",
};

/** Keys that clients send for other models. With these values they have no effect, so they are dropped. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  clipSkip: [0, false, ""],
  promptWeighting: ["", "none", false],
  usePromptWeighting: [false],
  checkNSFW: [false],
  negativePrompt: [""],
};

/** A task in the spelling of the schema, and the caller's spelling of every renamed key. */
export interface Normalized {
  readonly value: Raw;
  readonly errors: readonly TaskError[];
  /** The caller's spelling of a path: `inputs.seedImage` may have been `seedImage`. */
  spelling(path: string): string;
}

/** Drops nulls, which mean "absent", and maps an imageInference task to the spelling of the schema. Never throws. */
export function normalize(given: Raw): Normalized {
  const value = withoutNulls(given, 6) as Raw;
  const errors: TaskError[] = [];
  const spellings = new Map<string, string>();

  for (const [key, neutral] of Object.entries(NEUTRAL)) if (neutral.includes(value[key])) delete value[key];

  for (const [from, group, key] of MOVED) {
    if (!Object.hasOwn(value, from)) continue;
    const target = Object.hasOwn(value, group) ? value[group] : {};
    if (!isGroup(target)) continue;
    const path = `${group}.${key}`;
    if (!Object.hasOwn(target, key)) {
      value[group] = { ...target, [key]: value[from] };
      spellings.set(path, from);
    } else if (!same(target[key], value[from])) errors.push(disagreement(path, from));
    delete value[from];
  }

  for (const [group, from, to] of RENAMED) {
    const holder = value[group];
    if (!isGroup(holder) || !Object.hasOwn(holder, from)) continue;
    const { [from]: old, ...rest } = holder;
    value[group] = Object.hasOwn(rest, to) ? rest : { ...rest, [to]: old };
    if (!Object.hasOwn(rest, to)) spellings.set(`${group}.${to}`, `${group}.${from}`);
    else if (!same(rest[to], old)) errors.push(disagreement(`${group}.${to}`, `${group}.${from}`));
  }
  const { model, inputs } = value;
  if (typeof model === "string" && Object.hasOwn(SLUGS, model)) value.model = SLUGS[model];
  if (isGroup(inputs) && Array.isArray(inputs.referenceImages)) {
    value.inputs = { ...inputs, referenceImages: inputs.referenceImages.map(bareImage) };
  }
  return { value, errors, spelling: (path) => respell(path, spellings) };
}

/** Drops the nulls of any task. Keeps keys that cannot be stored, so that the schema rejects them. */
export const withoutNulls = (value: unknown, depth: number): unknown => {
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, depth - 1));
  const entries = Object.entries(value).filter(([key, item]) => item !== null || !isStorable(key));
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutNulls(item, depth - 1)]));
};

/** Unwraps `{ image: "…" }`, an older form of a reference image. */
const bareImage = (item: unknown): unknown =>
  isGroup(item) && Object.keys(item).length === 1 && typeof item.image === "string" ? item.image : item;

function respell(path: string, spellings: ReadonlyMap<string, string>): string {
  for (const [canonical, written] of spellings) {
    if (path === canonical || path.startsWith(`${canonical}.`)) return written + path.slice(canonical.length);
  }
  return path;
}

function same(first: unknown, second: unknown): boolean {
  if (first === second) return true;
  try {
    return stringifyJson(first) === stringifyJson(second);
  } catch {
    // Nested more deeply than anything that the schema allows.
    return false;
  }
}

const disagreement = (first: string, second: string): TaskError =>
  new TaskError(
    "incompatibleParameters",
    { first, second, reason: "They are two spellings of one parameter and have different values." },
    { parameter: [first, second] },
  );

const isGroup = (value: unknown): value is Raw => typeof value === "object" && value !== null && !Array.isArray(value);

import type { Command } from "commander";
import { UsageError } from "./exit.ts";
import { pictureFile } from "./input-pictures.ts";
import type { Terminal } from "./terminal.ts";

/** Flags for what shapes or hurries the drawing: LoRA, ControlNet, step caches. Text as typed. */
export interface AdapterFlags {
  readonly lora?: readonly string[];
  readonly control?: readonly string[];
  readonly guide?: readonly string[];
  readonly controlMode?: string;
  readonly controlStart?: string;
  readonly controlEnd?: string;
  readonly cache?: string;
  readonly cacheThreshold?: string;
  readonly cacheStart?: string;
  readonly cacheEnd?: string;
  readonly cacheSkip?: string;
  readonly cacheInARow?: string;
}

/** Which flag stands for which parameter of the task, positions in lists left out. */
export const adapterFlagOf: Readonly<Record<string, string>> = {
  lora: "--lora",
  "lora.model": "--lora",
  "lora.weight": "--lora",
  controlNet: "--control",
  "controlNet.model": "--control",
  "controlNet.weight": "--control",
  "controlNet.guideImage": "--guide",
  "controlNet.controlMode": "--control-mode",
  "controlNet.startStepPercentage": "--control-start",
  "controlNet.endStepPercentage": "--control-end",
  "acceleratorOptions.teaCacheDistance": "--cache-threshold",
  "acceleratorOptions.fbCacheThreshold": "--cache-threshold",
  "acceleratorOptions.dbCacheThreshold": "--cache-threshold",
  "acceleratorOptions.dbCacheSkipInterval": "--cache-skip",
  "acceleratorOptions.cacheStartStepPercentage": "--cache-start",
  "acceleratorOptions.cacheEndStepPercentage": "--cache-end",
  "acceleratorOptions.cacheMaxConsecutiveSteps": "--cache-in-a-row",
};

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

export function addAdapterOptions(command: Command): Command {
  return command
    .option("--lora <air[=weight]>", "LoRA to apply, weight -4 to 4 (default: 1); may be repeated", collect)
    .option("--control <air[=weight]>", "ControlNet to follow, weight -4 to 4 (default: 1); may be repeated", collect)
    .option("--guide <file>", "its guide image, preprocessed; one for each --control, in their order", collect)
    .option("--control-mode <mode>", "balanced, controlnet or prompt: which prevails (default: balanced)")
    .option("--control-start <percent>", "where in the steps ControlNets begin, 0 to 99 (default: 0)")
    .option("--control-end <percent>", "where they end, 1 to 100 (default: 100)")
    .option("--cache <kind>", "reuse work across steps: tea, fb or db (TeaCache, First Block Cache, DB Cache)")
    .option("--cache-threshold <n>", "its threshold, 0 to 1 (tea: higher is faster; fb, db: lower is faster)")
    .option("--cache-start <percent>", "where in the steps caching begins, 0 to 99 (default: 0)")
    .option("--cache-end <percent>", "where it ends, 1 to 100 (default: 100)")
    .option("--cache-skip <n>", "steps between refreshes of the db cache (default: 5)")
    .option("--cache-in-a-row <n>", "cached steps before a full one is forced, 1 to 5 (default: 3)");
}

/**
 * The groups of the task that the flags ask for; undefined where none does.
 * @param number reads a number where the text is one
 * @throws UsageError for flags that need another one
 */
export async function adaptersFromFlags(
  flags: AdapterFlags,
  number: (text: string | undefined) => unknown,
  terminal: Terminal,
) {
  return {
    lora: flags.lora?.map((text) => weighted(text, number)),
    controlNet: await controlNets(flags, number, terminal),
    acceleratorOptions: cacheOptions(flags, number),
  };
}

/** `AIR` or `AIR=WEIGHT`. */
function weighted(text: string, number: (text: string | undefined) => unknown) {
  const [model, weight] = text.split(/=(.*)/s);
  return { model, ...(weight !== undefined && { weight: number(weight) }) };
}

async function controlNets(flags: AdapterFlags, number: (text: string | undefined) => unknown, terminal: Terminal) {
  const { control = [], guide = [], controlMode, controlStart, controlEnd } = flags;
  if (control.length !== guide.length) {
    throw new UsageError(
      `--control is given ${control.length} times and --guide ${guide.length}; each needs the other`,
    );
  }
  if (control.length === 0) {
    needs("--control", { "--control-mode": controlMode, "--control-start": controlStart, "--control-end": controlEnd });
    return undefined;
  }
  const shared = {
    controlMode,
    startStepPercentage: number(controlStart),
    endStepPercentage: number(controlEnd),
  };
  const list = [];
  for (const [i, text] of control.entries()) {
    const guideImage = await pictureFile("--guide", guide[i], terminal);
    list.push(present({ ...weighted(text, number), guideImage, ...shared }));
  }
  return list;
}

const caches = {
  tea: ["teaCache", "teaCacheDistance"],
  fb: ["fbCache", "fbCacheThreshold"],
  db: ["dbCache", "dbCacheThreshold"],
} as const;

function cacheOptions(flags: AdapterFlags, number: (text: string | undefined) => unknown) {
  const { cache, cacheThreshold, cacheStart, cacheEnd, cacheSkip, cacheInARow } = flags;
  if (cache === undefined) {
    needs("--cache", {
      "--cache-threshold": cacheThreshold,
      "--cache-start": cacheStart,
      "--cache-end": cacheEnd,
      "--cache-skip": cacheSkip,
      "--cache-in-a-row": cacheInARow,
    });
    return undefined;
  }
  if (!Object.hasOwn(caches, cache)) throw new UsageError(`--cache is "${cache}"; allowed are tea, fb and db`);
  if (cache !== "db") needs("--cache db", { "--cache-skip": cacheSkip });
  const [on, threshold] = caches[cache as keyof typeof caches];
  return present({
    [on]: true,
    [threshold]: number(cacheThreshold),
    dbCacheSkipInterval: number(cacheSkip),
    cacheStartStepPercentage: number(cacheStart),
    cacheEndStepPercentage: number(cacheEnd),
    cacheMaxConsecutiveSteps: number(cacheInARow),
  });
}

/** @throws UsageError when a flag is given that means nothing without `other` */
function needs(other: string, flags: Readonly<Record<string, unknown>>): void {
  const given = Object.entries(flags).find(([, value]) => value !== undefined);
  if (given) throw new UsageError(`${given[0]} is given without ${other}, which it needs`);
}

function present(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

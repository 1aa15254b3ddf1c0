import { resolve } from "node:path";
import { type Command, Option } from "commander";
import {
  type Adapter,
  type AdapterKind,
  airPattern,
  findModel,
  MEMBERS,
  type MemberName,
  type Model,
  type ModelLocations,
  modelLocations,
  type Naming,
  resolveAdapter,
  WEIGHT_MODES,
  type WeightMode,
} from "../models/index.ts";
import { byteProgress } from "./byte-progress.ts";
import { UsageError } from "./exit.ts";
import { type Terminal, tell } from "./terminal.ts";

/** Flags that say what a checkpoint is made from, of `models add` and `models pull`. */
export interface CheckpointFlags {
  readonly weights?: WeightMode;
  readonly textEncoder?: string;
  readonly vae?: string;
  readonly vision?: string;
  readonly base?: string;
  readonly member?: MemberName;
  readonly merge?: readonly string[];
}

export function withCheckpointFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--weights <form>",
        "how linear layers are stored: int8, int4, or keep as the file has them (default: int8 from a billion weights on, else keep)",
      ).choices([...WEIGHT_MODES]),
    )
    .option(
      "--text-encoder <file>",
      "text encoder of a single-file transformer: a file, or a folder with its config.json",
    )
    .option("--vae <file>", "its VAE: a file, or a folder with its config.json")
    .option("--vision <file>", "vision tower for editing, if it is a separate file (mmproj)")
    .option(
      "--base <model>",
      "checkpoint that gives what the files do not bring, tokenizer and configs too: AIR or folder",
    )
    .addOption(
      new Option(
        "--member <name>",
        "member of the Qwen-Image family (default: from its tensors or its file name)",
      ).choices([...MEMBERS]),
    )
    .option(
      "--merge <air[=weight]>",
      "LoRA that becomes part of the weights before they are rounded; several times for several. Needs --air: it is another model then",
      (text: string, before: readonly string[] = []) => [...before, text],
    );
}

/** @throws UsageError when flags of checkpoints are given with another kind */
export function requireCheckpoint(kind: "checkpoint" | AdapterKind, flags: CheckpointFlags, count: number): void {
  if (kind === "checkpoint") return;
  const names = {
    weights: "--weights",
    textEncoder: "--text-encoder",
    vae: "--vae",
    vision: "--vision",
    base: "--base",
    member: "--member",
    merge: "--merge",
  };
  const given = (Object.keys(names) as (keyof typeof names)[]).find((flag) => flags[flag] !== undefined);
  if (given) throw new UsageError(`${names[given]} is given with --kind ${kind}; it is for checkpoints`);
  if (count > 1) throw new UsageError(`--kind ${kind} takes one path, ${count} are given`);
}

/**
 * Makes a checkpoint of files and registers it, showing how far that is.
 * @param source where they were fetched from: what is registered from there is replaced
 */
export async function addCheckpointFrom(
  paths: readonly string[],
  flags: CheckpointFlags,
  naming: Omit<Naming, "air"> & { readonly air?: string | undefined },
  terminal: Terminal,
  source?: string,
): Promise<Model> {
  const locations = modelLocations(terminal.env);
  const here = (path: string | undefined) => path && resolve(terminal.cwd, path);
  const { base } = flags;
  const baseFolder =
    base === undefined ? undefined : airPattern.test(base) ? (await findModel(base, locations)).folder : here(base);
  const files = {
    paths: paths.map((path) => resolve(terminal.cwd, path)),
    textEncoder: here(flags.textEncoder),
    vae: here(flags.vae),
    vision: here(flags.vision),
    base: baseFolder,
    source,
    mode: flags.weights,
    member: flags.member,
    merge: await mergedLoras(flags.merge, naming.air, locations),
  };
  const progress = byteProgress(terminal);
  // Loaded here: other commands need no engine.
  const { addCheckpoint } = await import("../models/import/index.ts");
  try {
    return await addCheckpoint(files, naming, locations, {
      signal: terminal.signal,
      onProgress: ({ component, done, total }) => progress.at(`converting ${component.replace("_", " ")}`, done, total),
      warn: (message) => tell(terminal, `warning: ${message}`),
    });
  } finally {
    progress.end();
  }
}

/**
 * The LoRAs that `--merge` names, with how much of each.
 * @throws UsageError, also where the checkpoint that they are merged into is given no name; ModelError for a LoRA that is not installed
 */
export async function mergedLoras(
  given: readonly string[] = [],
  air: string | undefined,
  locations: ModelLocations,
): Promise<{ file: string; weight: number; card: Adapter["card"] }[]> {
  if (given.length > 0 && air === undefined)
    throw new UsageError("--air is missing, which --merge needs: source:id@version");
  return Promise.all(
    given.map(async (text) => {
      const [name, amount] = text.split(/=(.*)/s) as [string, string?];
      const weight = amount === undefined ? 1 : amount.trim() === "" ? Number.NaN : Number(amount);
      if (!(weight >= -4 && weight <= 4) || weight === 0) {
        throw new UsageError(`--merge is "${text}"; allowed is AIR=WEIGHT with a weight from -4 to 4 other than 0`);
      }
      const { card, path } = await resolveAdapter(name, "lora", locations);
      return { file: path, weight, card };
    }),
  );
}

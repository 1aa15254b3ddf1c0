import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { CheckpointFiles, ConversionProgress } from "../models/import/index.ts";
import {
  type Adapter,
  type AdapterKind,
  airPattern,
  findModel,
  type Model,
  type ModelLocations,
  modelLocations,
  resolveAdapter,
} from "../models/index.ts";
import { MEMBERS, type MemberName, type Naming, WEIGHT_MODES, type WeightMode } from "../models/install/index.ts";
import { type ByteProgress, byteProgress } from "./byte-progress.ts";
import { UsageError } from "./exit.ts";
import { type Terminal, tell } from "./terminal.ts";

/** Flags of `models add` and `models pull` that describe the sources of a checkpoint. */
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
        "Form of the linear layers: int8, int4, or keep for the form of the file (default: int8 from a billion weights, else keep).",
      ).choices([...WEIGHT_MODES]),
    )
    .option(
      "--text-encoder <file>",
      "Text encoder for a single-file transformer: a file, or a folder with its config.json.",
    )
    .option("--vae <file>", "VAE for a single-file transformer: a file, or a folder with its config.json.")
    .option("--vision <file>", "Vision tower for editing, if it is a separate file (mmproj).")
    .option(
      "--base <model>",
      "Checkpoint that supplies the missing parts, including tokenizer and configs: AIR or folder.",
    )
    .addOption(
      new Option(
        "--member <name>",
        "Member of the Qwen-Image family (default: detected from the tensors or the file name).",
      ).choices([...MEMBERS]),
    )
    .option(
      "--merge <air[=weight]>",
      "LoRA to merge into the weights before rounding. Repeat the flag for several. Needs --air, because the result is another model.",
      (text: string, before: readonly string[] = []) => [...before, text],
    );
}

/** @throws UsageError if flags of checkpoints are used with another kind */
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
  if (given) throw new UsageError(`${names[given]} is not allowed with --kind ${kind}; it applies to checkpoints only`);
  if (count > 1) throw new UsageError(`--kind ${kind} takes one path; received ${count}`);
}

/**
 * Resolves the paths and AIRs of a future checkpoint.
 * @param source where the files were downloaded from: a model registered from the same source is replaced
 * @throws UsageError, and ModelError for a base or LoRA that is not installed
 */
export async function checkpointFiles(
  paths: readonly string[],
  flags: CheckpointFlags,
  air: string | undefined,
  terminal: Terminal,
  source?: string,
): Promise<CheckpointFiles> {
  const locations = modelLocations(terminal.env);
  const here = (path: string | undefined) => path && resolve(terminal.cwd, path);
  const { base } = flags;
  const baseFolder =
    base === undefined ? undefined : airPattern.test(base) ? (await findModel(base, locations)).folder : here(base);
  return {
    paths: paths.map((path) => resolve(terminal.cwd, path)),
    textEncoder: here(flags.textEncoder),
    vae: here(flags.vae),
    vision: here(flags.vision),
    base: baseFolder,
    source,
    mode: flags.weights,
    member: flags.member,
    merge: await mergedLoras(flags.merge, air, locations),
  };
}

/** Builds a checkpoint from files, registers it and shows the progress. */
export async function addCheckpointFrom(
  files: CheckpointFiles,
  naming: Omit<Naming, "air"> & { readonly air?: string | undefined },
  terminal: Terminal,
): Promise<Model> {
  const progress = byteProgress(terminal);
  // Loaded here, because other commands do not need the engine.
  const { addCheckpoint } = await import("../models/import/index.ts");
  try {
    return await addCheckpoint(files, naming, modelLocations(terminal.env), {
      signal: terminal.signal,
      onProgress: conversionOn(progress),
      warn: (message) => tell(terminal, `warning: ${message}`),
    });
  } finally {
    progress.end();
  }
}

/** Shows a conversion. */
export function conversionOn(progress: ByteProgress): (at: ConversionProgress) => void {
  return ({ component, done, total, kept }) =>
    progress.at(`converting ${component.replace("_", " ")}`, done, total, kept);
}

/**
 * Reads the LoRAs of `--merge` and their weights.
 * @throws UsageError, also if the merged checkpoint has no name; ModelError for a LoRA that is not installed
 */
export async function mergedLoras(
  given: readonly string[] = [],
  air: string | undefined,
  locations: ModelLocations,
): Promise<{ file: string; weight: number; card: Adapter["card"] }[]> {
  if (given.length > 0 && air === undefined)
    throw new UsageError("--air is missing, and --merge requires it: source:id@version");
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

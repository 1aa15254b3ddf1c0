import { join, relative } from "node:path";
import { type Adapter, type AdapterKind, airPattern, type Model, modelLocations } from "../models/index.ts";
import { addOrKeep, publishedAir, registeredAt, requireAdapter } from "../models/install/index.ts";
import { addCheckpointFrom, type CheckpointFlags, mergedLoras, requireCheckpoint } from "./add-model.ts";
import { byteProgress } from "./byte-progress.ts";
import { UsageError } from "./exit.ts";
import { type Terminal, tell } from "./terminal.ts";

export interface PullFlags extends CheckpointFlags {
  readonly air?: string;
  readonly name?: string;
  readonly kind: "checkpoint" | AdapterKind;
  readonly revision: string;
  readonly file?: string;
}

type Repository = Awaited<ReturnType<typeof import("../models/hub/index.ts").openRepository>>;

/** A model to pull and its destination. */
interface Pull {
  readonly repository: Repository;
  readonly flags: PullFlags;
  readonly air: string;
  /** The folder for downloads. */
  readonly folder: string;
  readonly terminal: Terminal;
}

/**
 * Downloads a model from the hub and registers it.
 * @throws before the first byte: UsageError, or ModelError `alreadyInstalled` if another model has the AIR
 */
export async function pullModel(repo: string, flags: PullFlags, terminal: Terminal): Promise<Model | Adapter> {
  const { kind, revision, file } = flags;
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || repo.split("/").includes(".."))
    throw new UsageError(`the repository is "${repo}"; allowed is OWNER/NAME`);
  requireCheckpoint(kind, flags, 1);
  const given = `huggingface:${repo.replace("/", ".")}@${revision.replaceAll("/", ".")}`;
  const air = flags.air ?? publishedAir(repo, file) ?? given;
  if (!airPattern.test(air)) throw new UsageError(`--air is "${air}"; allowed is source:id@version`);
  const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = terminal.env;
  // Loaded here, because other commands do not need the hub.
  const { openRepository } = await import("../models/hub/index.ts");
  const repository = await openRepository(repo, {
    revision,
    hubUrl,
    accessToken,
    signal: terminal.signal,
    onProgress: tenths((line) => tell(terminal, line)),
  });
  const folder = join(modelLocations(terminal.env).modelsDir, ".hub", repo, revision.replaceAll("/", "."));
  const pull = { repository, flags, air, folder, terminal };
  if (kind !== "checkpoint") return pullAdapter(pull, kind);
  return file === undefined ? pullRepository(pull) : pullFile(pull, file);
}

/** Pulls the file of a LoRA, or the folder of a ControlNet. */
async function pullAdapter(
  { repository, flags, air, folder, terminal }: Pull,
  kind: AdapterKind,
): Promise<Model | Adapter> {
  const locations = modelLocations(terminal.env);
  if (kind === "controlnet" && flags.file !== undefined)
    throw new UsageError("--file is not allowed with --kind controlnet, which is a folder");
  const { downloadTo } = await import("../models/hub/index.ts");
  const { filesOfControlNet } = await import("../models/import/index.ts");
  const files = kind === "lora" ? [theOnly(repository, flags.file)] : filesOfControlNet(repository);
  const place = kind === "lora" ? join(folder, files[0]!.path) : folder;
  await registeredAt(kind, place, air, locations);
  const download = downloadTo(folder, repository);
  for (const file of files) await download.fetch(file);
  terminal.signal.throwIfAborted();
  tell(terminal, ALL_HERE);
  await requireAdapter(kind, join(download.folder, relative(folder, place)));
  await download.finish();
  return addOrKeep(kind, place, { air, name: flags.name, folderName: repository.name }, locations);
}

/**
 * Pulls the file of a transformer and builds a checkpoint with parts from elsewhere. The download is deleted after
 * conversion.
 */
async function pullFile({ repository, flags, air, folder, terminal }: Pull, file: string): Promise<Model> {
  const found = repository.files.find(({ path }) => path === file);
  if (!found)
    throw new UsageError(
      `${repository.name} has no ${file}; it has ${weightFiles(repository) || "no files of weights"}`,
    );
  if (flags.base === undefined) {
    throw new UsageError(
      `--base is missing, and ${file} requires it: a checkpoint (AIR or folder) with the tokenizer and other parts that a single file lacks. \`inkstone models pull Qwen/Qwen-Image\` downloads one`,
    );
  }
  const source = `${repository.name}@${repository.revision}/${file}`;
  const { requireFreeFor } = await import("../models/import/index.ts");
  const { downloadTo } = await import("../models/hub/index.ts");
  await requireFreeFor(air, source, modelLocations(terminal.env));
  const download = downloadTo(folder, repository);
  const path = await download.fetch(found);
  tell(terminal, "the file is already here and its checksum is correct");
  const added = await addCheckpointFrom([path], flags, { air, name: flags.name }, terminal, source);
  await download.discard();
  return added;
}

/**
 * Pulls a checkpoint in diffusers layout. A large one is converted shard by shard, a small one is downloaded unchanged.
 */
async function pullRepository({ repository, flags, air, folder, terminal }: Pull): Promise<Model | Adapter> {
  const { name } = repository;
  const only = (["textEncoder", "vae", "vision", "base"] as const).find((flag) => flags[flag] !== undefined);
  if (only) throw new UsageError(`--${only.replace("E", "-e")} requires --file`);
  const paths = repository.files.map(({ path }) => path);
  if (!paths.includes("model_index.json")) {
    const singles = weightFiles(repository);
    throw new UsageError(
      `${name} is not a checkpoint in diffusers layout: it has no model_index.json${singles && `; choose one of its files with --file: ${singles}`}`,
    );
  }
  const locations = modelLocations(terminal.env);
  const { pullRepository: pull } = await import("../models/import/index.ts");
  const progress = byteProgress(terminal);
  const merge = await mergedLoras(flags.merge, flags.air, locations);
  const choices = { mode: flags.weights, member: flags.member, merge };
  return pull(repository, folder, choices, { air, name: flags.name, folderName: name }, locations, {
    signal: terminal.signal,
    onProgress: ({ component, done, total }) => progress.at(`converting ${component.replace("_", " ")}`, done, total),
    warn: (message) => tell(terminal, `warning: ${message}`),
    onFetched: () => tell(terminal, ALL_HERE),
  }).finally(progress.end);
}

const ALL_HERE = "all files are already here and their checksums are correct";

/** Weight files at the top level of a repository with their sizes. At most twenty. */
function weightFiles({ files }: Repository): string {
  const singles = files.filter(({ path }) => /\.(gguf|safetensors)$/.test(path));
  const listed = singles.slice(0, 20).map(({ path, size }) => `${path} (${(size / 1e9).toFixed(1)} GB)`);
  return [...listed, ...(singles.length > 20 ? [`${singles.length - 20} more`] : [])].join(", ");
}

/** The file of a LoRA. @throws UsageError listing the files when it is not the only one */
function theOnly({ name, files }: Repository, file: string | undefined) {
  const found = files.filter(({ path }) => (file === undefined ? path.endsWith(".safetensors") : path === file));
  if (found.length === 1) return found[0]!;
  throw new UsageError(
    found.length === 0
      ? `${name} has no ${file ?? "safetensors file"}`
      : `${name} has several safetensors files; choose one with --file: ${found.map(({ path }) => path).join(", ")}`,
  );
}

/** Writes a line for each tenth of a file. */
function tenths(write: (line: string) => void) {
  let last = "";
  return ({ path, done, size }: { path: string; done: number; size: number }) => {
    const line = `${path}: ${size === 0 ? 100 : Math.floor((10 * done) / size) * 10} % of ${(size / 1e6).toFixed(1)} MB`;
    if (line !== last) write(line);
    last = line;
  };
}

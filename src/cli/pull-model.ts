import { basename, join, relative } from "node:path";
import { type Adapter, type AdapterKind, airPattern, type Model, modelLocations } from "../models/index.ts";
import { addOrKeep, publishedAir, registeredAt, requireAdapter } from "../models/install/index.ts";
import {
  addCheckpointFrom,
  type CheckpointFlags,
  checkpointFiles,
  conversionOn,
  mergedLoras,
  requireCheckpoint,
} from "./add-model.ts";
import { type ByteProgress, byteProgress, downloadProgress } from "./byte-progress.ts";
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
  /** Progress of the current download, and of the conversion. One ends before the other, or a line, is written. */
  readonly downloads: ByteProgress;
  readonly conversion: ByteProgress;
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
  const [downloads, conversion] = [downloadProgress(terminal), byteProgress(terminal)];
  const repository = await openRepository(repo, {
    revision,
    hubUrl,
    accessToken,
    signal: terminal.signal,
    onProgress({ path, done, size }) {
      conversion.end();
      downloads.at(path, done, size);
    },
  });
  const folder = join(modelLocations(terminal.env).modelsDir, ".hub", repo, revision.replaceAll("/", "."));
  const pull = { repository, flags, air, folder, terminal, downloads, conversion };
  const pulling =
    kind !== "checkpoint" ? pullAdapter(pull, kind) : file === undefined ? pullRepository(pull) : pullFile(pull, file);
  return pulling.finally(() => {
    downloads.end();
    conversion.end();
  });
}

/** Pulls the file of a LoRA, or the folder of a ControlNet. */
async function pullAdapter(
  { repository, flags, air, folder, terminal, downloads }: Pull,
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
  downloads.end();
  tell(terminal, ALL_HERE);
  await requireAdapter(kind, join(download.folder, relative(folder, place)));
  await download.finish();
  return addOrKeep(kind, place, { air, name: flags.name, folderName: repository.name }, locations);
}

/**
 * Pulls the file of a transformer and builds a checkpoint with parts from elsewhere. The download is deleted after
 * conversion.
 */
async function pullFile({ repository, flags, air, folder, terminal, downloads }: Pull, file: string): Promise<Model> {
  const [found, ...others] = chosen(repository, file);
  if (!found || others.length > 0)
    throw new UsageError(
      `${repository.name} has no ${file}; it has ${weightFiles(repository) || "no files of weights"}`,
    );
  if (flags.base === undefined) {
    throw new UsageError(
      `--base is missing, and ${file} requires it: a checkpoint (AIR or folder) with the tokenizer and other parts that a single file lacks. \`inkstone models pull Qwen/Qwen-Image\` downloads one`,
    );
  }
  const locations = modelLocations(terminal.env);
  const { requireCompleted, requireFreeFor, requireRoom } = await import("../models/import/index.ts");
  const { downloadTo } = await import("../models/hub/index.ts");
  const download = downloadTo(folder, repository);
  const source = `${repository.name}@${repository.revision}/${found.path}`;
  const files = await checkpointFiles([join(download.folder, found.path)], flags, air, terminal, source);
  await requireFreeFor(air, source, locations);
  await requireCompleted(files, found.size);
  await requireRoom(await download.missingBytes([found]), locations.modelsDir);
  await download.fetch(found);
  downloads.end();
  tell(terminal, "the file is here and its checksum is correct");
  const added = await addCheckpointFrom(files, { air, name: flags.name }, terminal);
  await download.discard();
  return added;
}

/**
 * Pulls a checkpoint in diffusers layout. A large one is converted shard by shard, a small one is downloaded unchanged.
 */
async function pullRepository(pulled: Pull): Promise<Model | Adapter> {
  const { repository, flags, air, folder, terminal, downloads, conversion } = pulled;
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
  const show = conversionOn(conversion);
  const merge = await mergedLoras(flags.merge, flags.air, locations);
  const choices = { mode: flags.weights, member: flags.member, merge };
  return pull(repository, folder, choices, { air, name: flags.name, folderName: name }, locations, {
    signal: terminal.signal,
    onProgress(at) {
      downloads.end();
      show(at);
    },
    warn: (message) => tell(terminal, `warning: ${message}`),
    onFetched() {
      downloads.end();
      tell(terminal, ALL_HERE);
    },
  });
}

const ALL_HERE = "all files are here and their checksums are correct";

/** Weight files at the top level of a repository with their sizes. At most twenty. */
function weightFiles({ files }: Repository): string {
  const singles = files.filter(({ path }) => /\.(gguf|safetensors)$/.test(path));
  const listed = singles.slice(0, 20).map(({ path, size }) => `${path} (${(size / 1e9).toFixed(1)} GB)`);
  return [...listed, ...(singles.length > 20 ? [`${singles.length - 20} more`] : [])].join(", ");
}

/** The files that `--file` chooses, by path or by name alone; all safetensors files without it. */
function chosen({ files }: Pick<Repository, "name" | "files">, file: string | undefined) {
  if (file === undefined) return files.filter(({ path }) => path.endsWith(".safetensors"));
  const exact = files.filter(({ path }) => path === file);
  return exact.length > 0 ? exact : files.filter(({ path }) => basename(path) === file);
}

/** The file of a LoRA. @throws UsageError listing the files when it is not the only one */
function theOnly({ name, files }: Repository, file: string | undefined) {
  const found = chosen({ name, files }, file);
  if (found.length === 1) return found[0]!;
  throw new UsageError(
    found.length === 0
      ? `${name} has no ${file ?? "safetensors file"}`
      : `${name} has several safetensors files; choose one with --file: ${found.map(({ path }) => path).join(", ")}`,
  );
}

import { existsSync, readFileSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { CheckpointError, openSource, openWeights, readJson, type TensorSource } from "../../weights/index.ts";
import { readCard } from "../card.ts";
import { COMPONENT_FOLDERS, COMPONENTS, type Component, checkpointFolder, openComponent } from "./component-folder.ts";
import { type Config, configOf, REAL_SCHEDULER } from "./configs.ts";
import { distilledSteps, type MemberName, memberNamed, PIPELINES } from "./members.ts";
import { PART_NAMES, type Part, partsOf } from "./parts.ts";
import { type ConvertedPiece, type Piece, pieceOf } from "./pieces.ts";
import type { WeightMode } from "./weight-mode.ts";

/** What a checkpoint is to be made from; paths are absolute. */
export interface CheckpointFiles {
  /** A folder in diffusers layout, the root of a repository in the hub's cache, or files that hold components. */
  readonly paths: readonly string[];
  readonly textEncoder?: string | undefined;
  readonly vae?: string | undefined;
  /** The vision tower where it is a file of its own (llama.cpp's `mmproj`). */
  readonly vision?: string | undefined;
  /** A checkpoint in diffusers layout that gives what the files do not bring: configs and tokenizer, and components. */
  readonly base?: string | undefined;
  /** Default: int8 from a billion weights on, below it as the files have them. */
  readonly mode?: WeightMode | undefined;
  /** Where they are from, for what is fetched again: what is registered from there is replaced. */
  readonly source?: string | undefined;
  /** Default: as the transformer's tensors or its file's name say. */
  readonly member?: MemberName | undefined;
}

/** All that a checkpoint is made of. */
export interface Ingredients {
  /** What it is called unless somebody names it. */
  readonly title: string;
  readonly member: MemberName;
  /** Whether it has the size of the published ones, whose defaults and price then hold. */
  readonly isLarge: boolean;
  /** What the card of a folder says already. */
  readonly card: object;
  readonly pieces: readonly Piece[];
  /** Config files to be written, by path within the checkpoint. */
  readonly configs: Readonly<Record<string, Config>>;
  /** Files and folders to be copied. */
  readonly copies: readonly string[];
  /** Where it is from, for what is fetched again: `OWNER/NAME@REVISION`. */
  readonly source?: string | undefined;
  close(): void;
}

/** A checkpoint that can be drawn with where it is. */
export interface InPlace {
  readonly inPlace: string;
  readonly member: MemberName;
  close(): void;
}

/** From so many weights on int8 is worth its error: below that everything fits into memory anyway. */
export const LARGE = 1e9;

/**
 * Opens everything that a checkpoint is to be made from, and finds out what is what.
 * @throws CheckpointError naming the file and what is wrong with it, or what is missing and how to give it
 */
export async function gatherCheckpoint(files: CheckpointFiles): Promise<Ingredients | InPlace> {
  const [first] = files.paths;
  const folder = first !== undefined && files.paths.length === 1 ? await checkpointFolder(first) : undefined;
  const opened: { close(): void }[] = [];
  const close = () => {
    for (const one of opened) one.close();
  };
  try {
    if (folder !== undefined) return { ...(await fromFolder(folder, files, opened)), close };
    return { ...(await fromFiles(files, opened)), close };
  } catch (error) {
    close();
    throw error;
  }
}

type Opened = { close(): void }[];

async function fromFolder(
  folder: string,
  files: CheckpointFiles,
  opened: Opened,
): Promise<Omit<Ingredients, "close"> | Omit<InPlace, "close">> {
  const given = Object.entries({
    "--text-encoder": files.textEncoder,
    "--vae": files.vae,
    "--vision": files.vision,
    "--base": files.base,
  });
  const flag = given.find(([, value]) => value !== undefined)?.[0];
  if (flag) throw new CheckpointError(`${folder} is a whole checkpoint: it needs no ${flag}`);
  if (await isConverted(folder)) {
    if (files.mode === undefined || files.mode === "keep")
      return { inPlace: folder, member: await memberIn(folder, files) };
    throw new CheckpointError(`${folder} is converted already: add the original files to have other weights`);
  }
  const found: { component: Component; part: Part; files: readonly string[]; config: Config }[] = [];
  let weights = 0;
  let isPlain = true;
  for (const component of COMPONENTS) {
    const place = join(folder, component);
    const open = await openComponent(place, component);
    opened.push(open);
    for (const tensor of open.tensors.values()) {
      isPlain &&= tensor.plain !== undefined || /^(I|U|BOOL)/.test(tensor.stored);
      if (component === "transformer") weights += tensor.shape.reduce((product, size) => product * size, 1);
    }
    const config = (await readJson(join(place, "config.json"))) as Config;
    const part: Part = { kind: component, from: place, tensors: open.tensors, zeroCondT: false };
    found.push({ component, part, files: open.files, config });
  }
  const mode = files.mode ?? (weights >= LARGE ? "int8" : "keep");
  const member = await memberIn(folder, files);
  if (mode === "keep" && isPlain) return { inPlace: folder, member };
  const index = (await readJson(join(folder, "model_index.json"))) as Config;
  const title = titleOf(folder);
  return {
    title,
    member,
    isLarge: weights >= LARGE,
    card: (await readCard(join(folder, "card.json"))) ?? {},
    pieces: await Promise.all(
      found.map(({ component, part, files, config }) => wholePiece(component, part, files, mode, config)),
    ),
    configs: { "model_index.json": index },
    copies: companions(folder),
  };
}

async function fromFiles(files: CheckpointFiles, opened: Opened): Promise<Omit<Ingredients, "close">> {
  const { base } = files;
  const baseConfigs = new Map<Component, Config>();
  if (base !== undefined) {
    for (const component of COMPONENTS) {
      const path = join(base, component, "config.json");
      if (existsSync(path)) baseConfigs.set(component, (await readJson(path)) as Config);
    }
  }
  const found = new Map<Part["kind"], Part & { file: string }>();
  const folders = new Map<Component, string>();
  const take = (path: string, wanted?: Component | "vision") => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      if (wanted === undefined || wanted === "vision") {
        throw new CheckpointError(
          `${path} is neither a checkpoint in diffusers layout (it has no model_index.json) nor a file of weights`,
        );
      }
      folders.set(wanted, path);
      return;
    }
    const source: TensorSource = openSource(path);
    opened.push(source);
    const parts = partsOf(source).filter(({ kind }) => wanted === undefined || kind === wanted);
    if (parts.length === 0) throw new CheckpointError(`${path} holds no ${PART_NAMES[wanted!]}`);
    for (const part of parts) {
      const before = found.get(part.kind);
      if (before)
        throw new CheckpointError(`${before.from} and ${path} both hold a ${PART_NAMES[part.kind]}: give one`);
      found.set(part.kind, { ...part, file: path });
    }
  };
  for (const path of files.paths) take(path);
  if (files.textEncoder !== undefined) take(files.textEncoder, "text_encoder");
  if (files.vae !== undefined) take(files.vae, "vae");
  if (files.vision !== undefined) take(files.vision, "vision");

  const transformer = found.get("transformer");
  if (!transformer)
    throw new CheckpointError(`${files.paths.join(", ")} holds no transformer, which a checkpoint needs`);
  requireSources(found, folders, base);
  const weights = [...transformer.tensors.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1),
    0,
  );
  const mode = files.mode ?? (weights >= LARGE ? "int8" : "keep");
  const pieces: Piece[] = [];
  for (const component of COMPONENTS) {
    const part = found.get(component);
    const folder = folders.get(component);
    if (part) pieces.push(await converted(component, part, found.get("vision"), mode, baseConfigs.get(component)));
    else
      pieces.push(
        folder === undefined
          ? { component, folder: await realpath(join(base!, component)) }
          : await given(component, folder, mode, opened),
      );
  }
  const file = basename(transformer.from);
  const member = files.member ?? (transformer.zeroCondT ? "edit-2511" : memberNamed(file));
  return {
    title: basename(file, extname(file)),
    source: files.source,
    member,
    isLarge: weights >= LARGE,
    card: {},
    pieces: withZeroCondT(pieces, member),
    configs: {
      "model_index.json": modelIndex(base, member),
      "scheduler/scheduler_config.json": await scheduler(base, file),
    },
    copies: base === undefined ? [] : companions(base).filter((path) => basename(path) !== "scheduler"),
  };
}

/** Which member a folder holds: its pipeline says whether it edits, its transformer whether as 2511 does, its name the rest. */
async function memberIn(folder: string, { member }: CheckpointFiles): Promise<MemberName> {
  if (member !== undefined) return member;
  const { _class_name: pipeline } = (await readJson(join(folder, "model_index.json"))) as { _class_name?: unknown };
  const { zero_cond_t: zero } = (await readJson(join(folder, "transformer", "config.json"))) as {
    zero_cond_t?: unknown;
  };
  if (/^QwenImageEditPlus/.test(String(pipeline))) return zero === true ? "edit-2511" : "edit-2509";
  if (/^QwenImageEdit/.test(String(pipeline))) return "edit";
  return memberNamed(titleOf(folder)) === "2512" ? "2512" : "base";
}

/** What nothing gives: told at once, with all that could give it. */
function requireSources(
  found: ReadonlyMap<Part["kind"], unknown>,
  folders: ReadonlyMap<Component, string>,
  base: string | undefined,
): void {
  if (base !== undefined) {
    const holder = ["model_index.json", "tokenizer"].find((name) => !existsSync(join(base, name)));
    if (holder)
      throw new CheckpointError(
        `--base is ${base}, which has no ${holder}: a checkpoint in diffusers layout is needed`,
      );
  }
  const missing = [];
  if (!found.has("text_encoder") && !folders.has("text_encoder") && !(base && existsSync(join(base, "text_encoder"))))
    missing.push("the text encoder (--text-encoder FILE)");
  if (!found.has("vae") && !folders.has("vae") && !(base && existsSync(join(base, "vae"))))
    missing.push("the VAE (--vae FILE)");
  if (base === undefined) missing.push("the tokenizer");
  if (missing.length === 0) return;
  throw new CheckpointError(
    `missing are ${missing.join(" and ")}; --base AIR or --base FOLDER takes what is missing from another checkpoint`,
  );
}

async function converted(
  component: Component,
  part: Part & { file: string },
  vision: (Part & { file: string }) | undefined,
  mode: WeightMode,
  base: Config | undefined,
): Promise<Piece> {
  const withVision = component === "text_encoder" && vision !== undefined;
  if (!withVision) return wholePiece(component, part, [part.file], mode, configOf(part, base));
  const { stem: label } = COMPONENT_FOLDERS[component];
  const parts = [
    { ...withoutVision(part), label },
    { ...vision, label: "vision" },
  ];
  return pieceOf(component, parts, await real([part.file, vision.file]), mode, configOf(part, base));
}

/** A VAE is small, and its convolutions are kept as they are. */
async function wholePiece(
  component: Component,
  part: Part,
  files: readonly string[],
  mode: WeightMode,
  config: Config,
): Promise<ConvertedPiece> {
  const labelled = { ...part, label: COMPONENT_FOLDERS[component].stem };
  return pieceOf(component, [labelled], await real(files), component === "vae" ? "keep" : mode, config);
}

/** A vision tower that is given goes before one that a text encoder brings. */
function withoutVision(part: Part): Part {
  return { ...part, tensors: new Map([...part.tensors].filter(([name]) => !/^(model\.)?visual\./.test(name))) };
}

/** A component's folder: linked to, or converted where it has to be. */
async function given(component: Component, folder: string, mode: WeightMode, opened: Opened): Promise<Piece> {
  const weights = await openWeights(folder, COMPONENT_FOLDERS[component].stem).catch(() => undefined);
  if (component === "vae" || mode === "keep" || weights?.names.some((name) => weights.find(name)!.quantised)) {
    return { component, folder: await realpath(folder) };
  }
  const open = await openComponent(folder, component);
  opened.push(open);
  const part: Part = { kind: component, from: folder, tensors: open.tensors, zeroCondT: false };
  const config = (await readJson(join(folder, "config.json"))) as Config;
  return wholePiece(component, part, open.files, mode, config);
}

function withZeroCondT(pieces: readonly Piece[], member: MemberName): Piece[] {
  return pieces.map((piece) => {
    if (piece.component !== "transformer" || piece.folder !== undefined) return piece;
    const { zero_cond_t: _, ...rest } = piece.config;
    return { ...piece, config: member === "edit-2511" ? { ...rest, zero_cond_t: true } : rest };
  });
}

function modelIndex(base: string | undefined, member: MemberName): Config {
  const path = base && join(base, "model_index.json");
  const known = path && existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Config) : {};
  return { ...known, _class_name: PIPELINES[member] };
}

/** A transformer that was distilled to few steps has its own noise levels: shift 3 at every size, no terminal stretch. */
async function scheduler(base: string | undefined, file: string): Promise<Config> {
  const path = base && join(base, "scheduler", "scheduler_config.json");
  const known = path && existsSync(path) ? ((await readJson(path)) as Config) : REAL_SCHEDULER;
  if (distilledSteps(file) === undefined) return known;
  return { ...known, base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null };
}

/** Parts of a checkpoint that are small and copied. */
export function companions(folder: string): string[] {
  return ["tokenizer", "scheduler", "processor"].map((name) => join(folder, name)).filter((path) => existsSync(path));
}

/** Whether a checkpoint's weights are in our own form. */
async function isConverted(folder: string): Promise<boolean> {
  const { folder: name, stem } = COMPONENT_FOLDERS.transformer;
  const weights = await openWeights(join(folder, name), stem).catch(() => undefined);
  return weights?.names.some((tensor) => weights.find(tensor)!.quantised !== undefined) ?? false;
}

const real = (files: readonly string[]) => Promise.all(files.map((file) => realpath(file)));

/** The folder's name; of a snapshot in the hub's cache the repository's. */
function titleOf(folder: string): string {
  const repository = /models--(.+?)--(.+?)\/snapshots\//.exec(`${folder}/`);
  return repository ? `${repository[1]}/${repository[2]}` : basename(folder);
}

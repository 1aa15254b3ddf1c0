import { existsSync, readFileSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { CheckpointError, openSource, openWeights, readJson, type TensorSource } from "../../weights/index.ts";
import {
  adviceOn,
  baseFolder,
  COMPONENT_FOLDERS,
  COMPONENTS,
  type Component,
  companions,
  openComponent,
} from "./component-folder.ts";
import { type Config, configOf, REAL_SCHEDULER, REAL_TEXT_FEATURES, textSize } from "./configs.ts";
import { type CheckpointFiles, type Ingredients, LARGE, type Opened } from "./ingredients.ts";
import { distilledSteps, type MemberName, memberNamed, PIPELINES } from "./members.ts";
import { PART_NAMES, type Part, partsOf } from "./parts.ts";
import { type Piece, pieceOf, type WeightMode, wholePiece } from "./pieces.ts";

/**
 * The ingredients of a checkpoint whose components are files. A base provides the parts that the files lack.
 * @throws CheckpointError naming a part that is missing or exists twice, and the flag that provides it
 */
export async function fromFiles(files: CheckpointFiles, opened: Opened): Promise<Omit<Ingredients, "close">> {
  const { base } = files;
  const baseConfigs = await configsIn(base);
  const found = new Map<Part["kind"], Part & { file: string }>();
  const folders = new Map<Component, string>();
  const take = (path: string, wanted?: Component | "vision") => {
    if (isFolder(path)) {
      if (wanted === undefined || wanted === "vision") {
        throw new CheckpointError(
          `${path} is neither a checkpoint in diffusers layout (it has no model_index.json) nor a file of weights${adviceOn(path)}`,
        );
      }
      folders.set(wanted, path);
      return;
    }
    for (const part of openParts(path, wanted, opened)) {
      const before = found.get(part.kind);
      if (before)
        throw new CheckpointError(
          `${before.from} and ${path} both hold a ${PART_NAMES[part.kind]}; name only one of them`,
        );
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
  await requireVocabulary(
    found.get("text_encoder"),
    folders.get("text_encoder"),
    baseConfigs.get("text_encoder"),
    base,
  );
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
    else pieces.push(await given(component, folder ?? join(base!, component), mode, opened));
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

/**
 * Checks the files and the base that complete a transformer, before its own file is downloaded.
 * @param bytes size of that file
 * @throws CheckpointError as `fromFiles` does
 */
export async function requireCompanions(files: Omit<CheckpointFiles, "paths">, bytes: number): Promise<void> {
  const opened: Opened = [];
  const base = await baseFolder(files.base);
  const known = (await configsIn(base)).get("text_encoder");
  try {
    requireBase(base);
    const features = known && textSize(known, "hidden_size");
    if (known && bytes >= LARGE && features !== REAL_TEXT_FEATURES) {
      throw new CheckpointError(
        `--base is ${base}, whose text encoder has ${features} features; a transformer of this size needs ${REAL_TEXT_FEATURES}. Name Qwen-Image or another published checkpoint`,
      );
    }
    const given = [
      ["text_encoder", files.textEncoder],
      ["vae", files.vae],
      ["vision", files.vision],
    ] as const;
    for (const [kind, path] of given) {
      if (path === undefined || (kind !== "vision" && isFolder(path))) continue;
      const [part] = openParts(path, kind, opened);
      if (kind === "text_encoder") await requireVocabulary(part, undefined, known, base);
    }
  } finally {
    for (const one of opened) one.close();
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The parts in a file; if a flag names it, only the part of the flag. */
function openParts(path: string, wanted: Component | "vision" | undefined, opened: Opened): Part[] {
  const source: TensorSource = openSource(path);
  opened.push(source);
  const parts = partsOf(source).filter(({ kind }) => wanted === undefined || kind === wanted);
  if (parts.length === 0) throw new CheckpointError(`${path} holds no ${PART_NAMES[wanted!]}`);
  return parts;
}

/** The configs of a base's components. */
async function configsIn(base: string | undefined): Promise<Map<Component, Config>> {
  const configs = new Map<Component, Config>();
  for (const component of base === undefined ? [] : COMPONENTS) {
    const path = join(base!, component, "config.json");
    if (existsSync(path)) configs.set(component, (await readJson(path)) as Config);
  }
  return configs;
}

function requireBase(base: string | undefined): void {
  const holder = base && ["model_index.json", "tokenizer"].find((name) => !existsSync(join(base, name)));
  if (holder)
    throw new CheckpointError(`--base is ${base}, which has no ${holder}; name a checkpoint in diffusers layout`);
}

/** Refuses a checkpoint with missing parts. The error names all of them, and the flags that provide them. */
function requireSources(
  found: ReadonlyMap<Part["kind"], unknown>,
  folders: ReadonlyMap<Component, string>,
  base: string | undefined,
): void {
  requireBase(base);
  const missing = [];
  if (!found.has("text_encoder") && !folders.has("text_encoder") && !(base && existsSync(join(base, "text_encoder"))))
    missing.push("the text encoder (--text-encoder FILE)");
  if (!found.has("vae") && !folders.has("vae") && !(base && existsSync(join(base, "vae"))))
    missing.push("the VAE (--vae FILE)");
  if (base === undefined) missing.push("the tokenizer");
  if (missing.length === 0) return;
  throw new CheckpointError(
    `the checkpoint lacks ${missing.join(" and ")}; --base AIR or --base FOLDER takes missing parts from another checkpoint`,
  );
}

/**
 * Checks that the tokenizer of the base belongs to a text encoder from elsewhere. Another one gives ids of other words, which no later check
 * notices.
 */
async function requireVocabulary(
  part: Part | undefined,
  folder: string | undefined,
  known: Config | undefined,
  base: string | undefined,
): Promise<void> {
  const other = part ? configOf(part, known) : folder && ((await readJson(join(folder, "config.json"))) as Config);
  if (!other || !known) return;
  const [rows, words] = [other, known].map((config) => textSize(config, "vocab_size"));
  if (rows === words) return;
  throw new CheckpointError(
    `${part?.from ?? folder} has a vocabulary of ${rows} tokens, the tokenizer of --base ${base} is for ${words}. Name a base with the same text encoder: for Qwen2.5-VL-7B, any Qwen-Image checkpoint`,
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
  return pieceOf(component, parts, [part.file, vision.file], mode, configOf(part, base));
}

/** A vision tower in a separate file replaces the one in the text encoder. */
function withoutVision(part: Part): Part {
  return { ...part, tensors: new Map([...part.tensors].filter(([name]) => !/^(model\.)?visual\./.test(name))) };
}

/** The folder of a component, named by a flag or from the base: linked, or converted if its form is another one. */
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

/** A transformer distilled to few steps has its own noise levels: shift 3 at every size, no terminal stretch. */
async function scheduler(base: string | undefined, file: string): Promise<Config> {
  const path = base && join(base, "scheduler", "scheduler_config.json");
  const known = path && existsSync(path) ? ((await readJson(path)) as Config) : REAL_SCHEDULER;
  if (distilledSteps(file) === undefined) return known;
  return { ...known, base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null };
}

import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import type { LoraMerge } from "../../engine/index.ts";
import {
  CheckpointError,
  elementsOf,
  fileIdentity,
  openWeights,
  type Weight,
  type Weights,
} from "../../weights/index.ts";
import { COMPONENT_FOLDERS, COMPONENTS, type Component } from "./component-folder.ts";
import type { Config } from "./configs.ts";
import { isRoundable, type Part } from "./parts.ts";

/** How to store linear layers: rounded, or as close to the file as ONNX Runtime can read. */
export const WEIGHT_MODES = ["int8", "int4", "keep"] as const;
export type WeightMode = (typeof WEIGHT_MODES)[number];

/** A component of a future checkpoint: a folder to link, or a source to convert. */
export type Piece = LinkedPiece | ConvertedPiece;

/** A component that the checkpoint links to. */
export interface LinkedPiece {
  readonly component: Component;
  readonly folder: string;
}

/** A component that is converted. */
export interface ConvertedPiece {
  readonly component: Component;
  readonly folder?: undefined;
  readonly mode: WeightMode;
  readonly config: Config;
  /** Identifies the bytes of the source. Equal sources are converted once. */
  readonly identity: readonly unknown[];
  readonly shards: readonly Shard[];
  /** LoRAs to merge into it. */
  readonly merge?: LoraMerge;
  /** Names of its weights, and their shapes if known, before they are read. */
  readonly preview: Weights;
}

/** A component that is not converted yet, and the folder of its results. */
export interface OpenPiece {
  readonly piece: ConvertedPiece;
  readonly folder: string;
}

/** Tensors that are opened together. */
export interface Shard {
  /** Start of its files' names, unique in the component. */
  readonly label: string;
  /** Size of its tensors. */
  readonly bytes: number;
  /** Size of its converted files, at least. */
  readonly results: number;
  /** Bytes to download before it opens; 0 for files on this machine. */
  readonly download: number;
  /** Downloads it if necessary, and opens it. */
  open(): Promise<{ readonly part: Part; close(): void }>;
  /** Deletes its download. */
  discard(): Promise<void>;
}

/** A piece made from open parts. */
export async function pieceOf(
  component: Component,
  parts: readonly (Part & { readonly label: string })[],
  files: readonly string[],
  mode: WeightMode,
  config: Config,
): Promise<ConvertedPiece> {
  const shards = parts.map((part) => ({
    label: part.label,
    bytes: [...part.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
    results: resultsOf(part, mode),
    download: 0,
    open: async () => ({ part, close() {} }),
    discard: async () => {},
  }));
  const shapes = new Map(
    parts.flatMap(({ tensors }) => [...tensors].map(([name, { shape }]) => [name, shape] as const)),
  );
  const identity = await Promise.all(files.map(async (file) => fileIdentity(await realpath(file))));
  return { component, mode, config, identity, shards, preview: namedShapes(parts[0]!.from, shapes) };
}

/** Size of converted tensors without their scales. In mode `keep` fp8 takes more. */
function resultsOf({ kind, tensors }: Part, mode: WeightMode): number {
  let bytes = 0;
  for (const [name, { shape, byteLength }] of tensors) {
    const isRounded = mode !== "keep" && isRoundable(kind, name, shape);
    bytes += isRounded ? elementsOf(shape) * (mode === "int8" ? 1 : 0.5) : byteLength;
  }
  return bytes;
}

/** A piece that is the only part of a component. A VAE is small, and its convolutions are kept unchanged. */
export async function wholePiece(
  component: Component,
  part: Part,
  files: readonly string[],
  mode: WeightMode,
  config: Config,
): Promise<ConvertedPiece> {
  const labelled = { ...part, label: COMPONENT_FOLDERS[component].stem };
  return pieceOf(component, [labelled], files, component === "vae" ? "keep" : mode, config);
}

/** Opens the components of a checkpoint by folder name, before all pieces are converted. */
export function openUnconverted(pieces: readonly Piece[]): typeof openWeights {
  return async (folder, stem) => {
    const component = COMPONENTS.find((name) => name === basename(folder));
    const piece = pieces.find((one) => one.component === component);
    return !piece || piece.folder !== undefined ? openWeights(folder, stem) : piece.preview;
  };
}

/**
 * Weights with known names, before they are read.
 * @param shapes by name; undefined for an unknown shape
 */
export function namedShapes(from: string, shapes: ReadonlyMap<string, readonly number[] | undefined>): Weights {
  return {
    folder: from,
    names: [...shapes.keys()],
    find: (name) => (shapes.has(name) ? placeless(shapes.get(name) ?? []) : undefined),
    has: (name) => shapes.has(name),
    get(name, shape) {
      if (!shapes.has(name)) throw new CheckpointError(`${from}: tensor "${name}" is missing`);
      const found = shapes.get(name);
      if (found === undefined || String(found) === String(shape)) return placeless(shape);
      throw new CheckpointError(`${from}: tensor "${name}" has shape [${found}], the config needs [${shape}]`);
    },
  };
}

/** Weights with unknown names and shapes. */
export function unseenWeights(from: string): Weights {
  return { folder: from, names: [], find: () => undefined, has: () => false, get: (_, shape) => placeless(shape) };
}

/** A tensor without a file. */
function placeless(shape: readonly number[]): Weight {
  return { dtype: "F32", shape, offset: 0, byteLength: 0, file: "" };
}

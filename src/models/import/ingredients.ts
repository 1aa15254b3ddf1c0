/** The parts of a future checkpoint. */

import type { AdapterCard } from "../adapter-card.ts";
import type { ModelCardInput } from "../card.ts";
import type { Config } from "./configs.ts";
import type { MemberName } from "./members.ts";
import type { Piece, WeightMode } from "./pieces.ts";

/** The files to make a checkpoint from; paths are absolute. */
export interface CheckpointFiles {
  /** A folder in diffusers layout, the root of a repository in the hub's cache, or files that hold components. */
  readonly paths: readonly string[];
  readonly textEncoder?: string | undefined;
  readonly vae?: string | undefined;
  /** The vision tower, if it is a separate file (`mmproj` of llama.cpp). */
  readonly vision?: string | undefined;
  /** A checkpoint in diffusers layout that provides configs, tokenizer and components that the files lack. */
  readonly base?: string | undefined;
  /** Default: int8 from a billion weights, otherwise the form in the files. */
  readonly mode?: WeightMode | undefined;
  /** Source of a download. A repeated download replaces the checkpoint from the same source. */
  readonly source?: string | undefined;
  /** Default: detected from the transformer's tensors or its file name. */
  readonly member?: MemberName | undefined;
  /** LoRAs to merge into the weights of the transformer. */
  readonly merge?: readonly MergedLora[] | undefined;
}

/** A LoRA to merge into the weights, scaled by `weight`. */
export interface MergedLora {
  /** A safetensors file, absolute. */
  readonly file: string;
  readonly weight: number;
  /** Schedule and defaults of its card, which become those of the merged checkpoint. */
  readonly card: Pick<AdapterCard, "air" | "schedule" | "defaults">;
}

/** All parts of a checkpoint. */
export interface Ingredients {
  /** Default name of the checkpoint. */
  readonly title: string;
  readonly member: MemberName;
  /** True when it has the size of the published checkpoints, whose defaults and price then apply. */
  readonly isLarge: boolean;
  /** The card of the source folder, if it has one. */
  readonly card: Partial<ModelCardInput>;
  readonly pieces: readonly Piece[];
  /** Config files to write, by path inside the checkpoint. */
  readonly configs: Readonly<Record<string, Config>>;
  /** Files and folders to copy. */
  readonly copies: readonly string[];
  /** Source of a download: `OWNER/NAME@REVISION`. */
  readonly source?: string | undefined;
  close(): void;
}

/** A checkpoint that runs from its present folder. */
export interface InPlace {
  readonly inPlace: string;
  readonly member: MemberName;
  close(): void;
}

/** Number of weights from which int8 is worth its error. Smaller checkpoints fit into memory anyway. */
export const LARGE = 1e9;

/** Files that stay open while a checkpoint is made. */
export type Opened = { close(): void }[];

/** What a checkpoint is made from, and what is made of it. */

import type { AdapterCard } from "../adapter-card.ts";
import type { Config } from "./configs.ts";
import type { MemberName } from "./members.ts";
import type { Piece, WeightMode } from "./pieces.ts";

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
  /** LoRAs that become part of the transformer's weights. */
  readonly merge?: readonly MergedLora[] | undefined;
}

/** A LoRA that becomes part of the weights, as much of it as `weight` says. */
export interface MergedLora {
  /** A safetensors file, absolute. */
  readonly file: string;
  readonly weight: number;
  /** What its card says of how it is drawn with, which the merged checkpoint then is. */
  readonly card: Pick<AdapterCard, "air" | "schedule" | "defaults">;
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

/** What is open while a checkpoint is made. */
export type Opened = { close(): void }[];

import { existsSync, readdirSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CheckpointError, listShards, openSource, type SourceTensor, type TensorSource } from "../../weights/index.ts";
import { readCard } from "../card.ts";
import type { PartKind } from "./parts.ts";

/** Folder of a component in a checkpoint, and the stem of its file names. */
export const COMPONENT_FOLDERS = {
  transformer: { folder: "transformer", stem: "diffusion_pytorch_model" },
  text_encoder: { folder: "text_encoder", stem: "model" },
  vae: { folder: "vae", stem: "diffusion_pytorch_model" },
} as const satisfies Partial<Record<PartKind, { folder: string; stem: string }>>;

/** Components that have a folder. */
export type Component = keyof typeof COMPONENT_FOLDERS;
export const COMPONENTS = Object.keys(COMPONENT_FOLDERS) as Component[];

/** The tensors of a component, from all its shards. */
export interface OpenComponent {
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  close(): void;
}

/** @throws CheckpointError naming a missing or unreadable file, or a tensor that is missing or exists twice */
export async function openComponent(folder: string, component: Component): Promise<OpenComponent> {
  const { files, expected } = await listShards(folder, COMPONENT_FOLDERS[component].stem);
  const sources: TensorSource[] = [];
  const close = () => {
    for (const source of sources) source.close();
  };
  const tensors = new Map<string, SourceTensor>();
  try {
    for (const file of files) {
      const source = openSource(file);
      sources.push(source);
      for (const [name, tensor] of source.tensors) {
        if (tensors.has(name)) throw new CheckpointError(`${folder}: tensor "${name}" is in more than one shard`);
        // The text encoder never reads the head of the language model: one gigabyte in the real checkpoint.
        if (component !== "text_encoder" || !name.startsWith("lm_head.")) tensors.set(name, tensor);
      }
    }
    const missing = expected.find((name) => !tensors.has(name) && !name.startsWith("lm_head."));
    if (missing !== undefined)
      throw new CheckpointError(`${folder}: tensor "${missing}" is in the index but in no shard`);
    return { files, tensors, close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * The checkpoint folder for a path: the folder itself, or the newest snapshot of a repository in the hub's cache
 * (`models--OWNER--NAME`). Undefined when the path is neither.
 */
export async function checkpointFolder(path: string): Promise<string | undefined> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  if (existsSync(join(path, "model_index.json"))) return path;
  const card = await readCard(join(path, "card.json"));
  if (card && existsSync(join(path, card.checkpoint, "model_index.json"))) return join(path, card.checkpoint);
  const snapshots = join(path, "snapshots");
  const names = await readdir(snapshots).catch(() => []);
  const whole = names
    .map((name) => join(snapshots, name))
    .filter((folder) => existsSync(join(folder, "model_index.json")));
  return whole.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

/** The folder of a base: a checkpoint, also in the hub's cache, or a folder with a part of one. */
export async function baseFolder(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : ((await checkpointFolder(path)) ?? path);
}

/** Names in the advice on a folder. */
const MOST_NAMES = 10;

/**
 * Advice on a folder that is no checkpoint, for the end of a message: the checkpoint around it, or the checkpoints and files inside it.
 * Otherwise it is empty.
 */
export function adviceOn(folder: string): string {
  if (existsSync(join(dirname(folder), "model_index.json")))
    return `. It is part of a checkpoint; name ${dirname(folder)}`;
  const isCheckpoint = (name: string) =>
    name.startsWith("models--") || existsSync(join(folder, name, "model_index.json"));
  const names = readdirSync(folder).sort();
  const inside = [isCheckpoint, (name: string) => /\.(gguf|safetensors)$/.test(name)].map((is) => names.filter(is));
  const found = inside.find(({ length }) => length > 0);
  if (!found) return "";
  const more = found.length > MOST_NAMES ? ` and ${found.length - MOST_NAMES} more` : "";
  return `. Name what is inside it: ${found.slice(0, MOST_NAMES).join(", ")}${more}`;
}

/** Folders of the small parts of a checkpoint. */
export const COMPANIONS = ["tokenizer", "scheduler", "processor"];

/** The small parts of a checkpoint, which are copied. */
export function companions(folder: string): string[] {
  return COMPANIONS.map((name) => join(folder, name)).filter((path) => existsSync(path));
}

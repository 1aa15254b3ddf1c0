import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { foldersIn } from "../locations.ts";
import type { Component } from "./component-folder.ts";
import type { Config } from "./configs.ts";
import type { WeightMode } from "./pieces.ts";

/** Raised when converted files come out otherwise than before. */
const VERSION = 1;

/** Converted components, each once however many checkpoints use it: folders named by what they were made from. */
export interface StoredPart {
  readonly folder: string;
  /** Whether all of it is there. */
  readonly complete: boolean;
}

/** What a converted component is made from, and how. */
interface Making {
  readonly component: Component;
  /** Tells which bytes it is made from. */
  readonly identity: readonly unknown[];
  readonly mode: WeightMode;
  readonly config: Config;
}

/** Where a component goes. It has its `config.json` afterwards. */
export async function storedPart(
  modelsDir: string,
  { component, identity, mode, config }: Making,
): Promise<StoredPart> {
  const key = createHash("sha256")
    .update(JSON.stringify([VERSION, component, mode, config, identity]))
    .digest("hex")
    .slice(0, 16);
  const folder = join(modelsDir, ".parts", `${component}-${mode}-${key}`);
  const complete = existsSync(join(folder, COMPLETE));
  if (!complete) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
  }
  return { folder, complete };
}

const COMPLETE = "complete.json";

/** Says that a component is whole, and what it was made from. */
export async function completePart(folder: string, identity: readonly unknown[]): Promise<void> {
  await writeFile(join(folder, COMPLETE), `${JSON.stringify({ from: identity }, undefined, 2)}\n`);
}

/** Deletes converted components that no checkpoint of the models directory links to any more; their folders. */
export async function removeUnusedParts(modelsDir: string, candidates: readonly string[]): Promise<string[]> {
  const used = new Set<string>();
  for (const name of await foldersIn(modelsDir))
    for (const part of await partsOfCheckpoint(modelsDir, join(modelsDir, name))) used.add(part);
  const unused = candidates.filter((folder) => !used.has(folder));
  for (const folder of unused) await rm(folder, { recursive: true, force: true });
  return unused;
}

/** The converted components that a registered checkpoint links to. */
export async function partsOfCheckpoint(modelsDir: string, registration: string): Promise<string[]> {
  const folder = join(registration, "checkpoint");
  const store = join(modelsDir, ".parts");
  const parts: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const target = await readlink(join(folder, name)).catch(() => undefined);
    const place = target === undefined ? undefined : resolve(folder, target);
    if (place?.startsWith(join(store, "/"))) parts.push(place);
  }
  return parts;
}

import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { readCardJson } from "../card.ts";
import { foldersIn } from "../locations.ts";
import type { Component } from "./component-folder.ts";
import type { Config } from "./configs.ts";
import type { WeightMode } from "./pieces.ts";

/** Increase it when the converted files change. */
const VERSION = 1;

/** A converted component. It is stored once for all checkpoints, in a folder named by its source. */
export interface StoredPart {
  readonly folder: string;
  /** True when all its files exist. */
  readonly complete: boolean;
}

/** The source of a converted component, and its form. */
interface Making {
  readonly component: Component;
  /** Identifies the bytes of the source. */
  readonly identity: readonly unknown[];
  readonly mode: WeightMode;
  readonly config: Config;
}

/** Prepares the folder of a component and writes its `config.json`. */
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

/** File with the source of a downloaded checkpoint, beside its card. Only such a checkpoint is ever replaced. */
export const SOURCE = "source.json";

/** Marks a component as complete, with its source. */
export async function completePart(folder: string, identity: readonly unknown[]): Promise<void> {
  await writeFile(join(folder, COMPLETE), `${JSON.stringify({ from: identity }, undefined, 2)}\n`);
}

/** Of these folders of components, those without any results. */
export async function emptyParts(folders: readonly string[]): Promise<string[]> {
  const names = await Promise.all(folders.map((folder) => readdir(folder).catch((): string[] => [])));
  return folders.filter((_, i) => names[i]!.every((name) => name === "config.json"));
}

/** Deletes converted components that no checkpoint uses, finished or in progress. Returns their folders. */
export async function removeUnusedParts(modelsDir: string, candidates: readonly string[]): Promise<string[]> {
  const used = await partsInUse(modelsDir);
  const unused = candidates.filter((folder) => !used.has(folder));
  for (const folder of unused) await rm(folder, { recursive: true, force: true });
  return unused;
}

async function partsInUse(modelsDir: string): Promise<Set<string>> {
  const folders = [...(await foldersIn(modelsDir)), ...(await stagingFolders(modelsDir))];
  const parts = await Promise.all(folders.map((name) => partsOfCheckpoint(modelsDir, join(modelsDir, name))));
  return new Set(parts.flat());
}

const HOST = hostname().replace(/[^\w.]/g, "_");

/** A folder of the models directory where a checkpoint is put together. Its name includes the process. */
export const stagingFolder = (modelsDir: string): string =>
  join(modelsDir, `.adding-${HOST}-${process.pid}-${randomUUID()}`);

async function stagingFolders(modelsDir: string): Promise<string[]> {
  const names = await readdir(modelsDir).catch((): string[] => []);
  return names.filter((name) => name.startsWith(".adding-"));
}

/** Milliseconds to keep the parts of an interrupted conversion. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * Deletes the remains of killed conversions: staging folders of dead processes at once. Checkpoints that no card names and unused
 * components go after a week without a change.
 */
export async function sweepAbandoned(modelsDir: string, now: number = Date.now()): Promise<void> {
  const isOld = async (path: string) => {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }));
    return now - mtimeMs > KEPT_MS;
  };
  for (const name of await stagingFolders(modelsDir)) {
    const path = join(modelsDir, name);
    if (isDead(name) || (await isOld(path))) await rm(path, { recursive: true, force: true });
  }
  for (const name of await foldersIn(modelsDir)) {
    for (const path of await replacedIn(join(modelsDir, name)))
      if (await isOld(path)) await rm(path, { recursive: true, force: true });
  }
  const store = join(modelsDir, ".parts");
  const old: string[] = [];
  for (const name of await readdir(store).catch((): string[] => []))
    if (await isOld(join(store, name))) old.push(join(store, name));
  await removeUnusedParts(modelsDir, old);
}

/** Checkpoints in the folder of a model that its card does not name: a process was killed while it replaced one. */
async function replacedIn(registration: string): Promise<string[]> {
  const card = await readCardJson(join(registration, "card.json")).catch(() => undefined);
  const { checkpoint } = (card ?? {}) as { checkpoint?: unknown };
  if (typeof checkpoint !== "string" || !existsSync(join(registration, SOURCE))) return [];
  const names = (await readdir(registration)).filter((name) => /^checkpoint(-[0-9a-f]{8})?$/.test(name));
  return names.map((name) => join(registration, name)).filter((path) => path !== resolve(registration, checkpoint));
}

/** True when the process of a staging folder ran on this machine and has ended. */
function isDead(name: string): boolean {
  const [, host, pid] = /^\.adding-(.+)-(\d+)-[0-9a-f-]{36}$/.exec(name) ?? [];
  if (host !== HOST) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** The converted components that a registered checkpoint links to. While it is being replaced, also those of the other one. */
export async function partsOfCheckpoint(modelsDir: string, registration: string): Promise<string[]> {
  const store = join(modelsDir, ".parts");
  const parts: string[] = [];
  for (const checkpoint of await readdir(registration).catch(() => [])) {
    const folder = join(registration, checkpoint);
    for (const name of await readdir(folder).catch(() => [])) {
      const target = await readlink(join(folder, name)).catch(() => undefined);
      const place = target === undefined ? undefined : resolve(folder, target);
      if (place?.startsWith(join(store, "/"))) parts.push(place);
    }
  }
  return parts;
}

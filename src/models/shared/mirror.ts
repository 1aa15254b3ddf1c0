import { createHash, randomUUID } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Bucket } from "../../buckets/index.ts";
import { foldersIn } from "../locations.ts";
import { fileKey, type Manifest, parseManifest, type SharedFile } from "./manifest.ts";

/** Models of a bucket, mirrored on this machine. */
export interface SharedModels {
  /**
   * Adds the models of the bucket to the models directory, without their weights, and removes those that the bucket no longer has.
   * @throws the first error, after all other models are updated: ModelError `invalidCard` or BucketUnavailableError
   */
  refresh(): Promise<void>;
  /**
   * Downloads the missing files of a model and checks each. Then it deletes the least recently used weights until the rest fits the cache.
   * Models that are not from the bucket are complete already.
   * @param registration folder of the model's card
   * @throws Error naming a file that cannot be downloaded; the signal's reason
   */
  bring(registration: string, hooks?: BringHooks): Promise<void>;
}

export interface BringHooks {
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
}

/** Files up to this size (configs, tokenizers) are downloaded with the card; larger ones when a task needs them. */
const SMALL_BYTES = 16 * 2 ** 20;

/** File that names the model of the bucket that a folder mirrors. */
const MARK = "shared.json";

/** True when a folder mirrors a model of the bucket. Its weights may not be on this machine yet. */
export const isMirrored = (registration: string): boolean => existsSync(join(registration, MARK));

/** Folder of the weights of all mirrored models, named by their SHA-256. */
const CACHE = ".shared";

export interface MirrorOptions {
  readonly bucket: Bucket;
  readonly modelsDir: string;
  /** Most bytes of weights on this machine's disk. Default: no limit. A model in use may exceed it. */
  readonly cacheBytes?: number;
  /** Default: 16 MiB. */
  readonly smallBytes?: number;
}

/** Opens the models of a bucket on this machine. */
export function openSharedModels(options: MirrorOptions): SharedModels {
  const { bucket, modelsDir, cacheBytes = Number.POSITIVE_INFINITY, smallBytes = SMALL_BYTES } = options;
  const cache = join(modelsDir, CACHE);
  const bringing = new Map<string, Promise<void>>();

  /** Makes the folder of a model, with its small files, and links for the others. */
  async function mirror(manifest: Manifest, text: string): Promise<void> {
    const staging = join(modelsDir, `.mirroring-${randomUUID()}`);
    try {
      for (const file of manifest.files) {
        const path = join(staging, file.path);
        await mkdir(dirname(path), { recursive: true });
        if (file.bytes <= smallBytes) await fetchFile(file, path);
        else await symlink(relative(dirname(path), join(cache, file.sha256)), path);
      }
      await writeFile(join(staging, MARK), text);
      const folder = join(modelsDir, manifest.name);
      await rm(folder, { recursive: true, force: true });
      await rename(staging, folder);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /** @param there collects the model's name */
  async function refreshOne(key: string, text: string, there: Set<string>): Promise<void> {
    const manifest = parseManifest(text, key);
    there.add(manifest.name);
    const here = await markOf(modelsDir, manifest.name);
    if (here === undefined && (await isInstalled(modelsDir, manifest.name))) return; // a model of this machine has priority
    if (here !== text) await mirror(manifest, text);
  }

  async function fetchFile(file: SharedFile, path: string, hooks: BringHooks = {}): Promise<void> {
    const object = await bucket.open(fileKey(file.sha256));
    if (object === undefined) throw new Error(`${file.path} is no longer in the bucket (${fileKey(file.sha256)})`);
    const hash = createHash("sha256");
    let done = 0;
    const count = new Transform({
      transform(piece: Buffer, _encoding, passOn) {
        hash.update(piece);
        done += piece.length;
        hooks.onProgress?.(done, file.bytes);
        passOn(undefined, piece);
      },
    });
    const part = `${path}.${randomUUID()}.part`;
    try {
      await pipeline(object.stream, count, createWriteStream(part, { flush: true }), { signal: hooks.signal });
      const found = hash.digest("hex");
      if (found !== file.sha256)
        throw new Error(`${file.path} is damaged in the bucket: its SHA-256 is ${found}, not ${file.sha256}`);
      await rename(part, path);
    } finally {
      await rm(part, { force: true });
    }
  }

  async function bring(registration: string, hooks: BringHooks): Promise<void> {
    const text = await readFile(join(registration, MARK), "utf8").catch(() => undefined);
    if (text === undefined) return;
    const large = parseManifest(text, join(registration, MARK)).files.filter(({ bytes }) => bytes > smallBytes);
    const total = large.reduce((sum, { bytes }) => sum + bytes, 0);
    await mkdir(cache, { recursive: true });
    let before = 0;
    for (const file of large) {
      const path = join(cache, file.sha256);
      const here = await stat(path).catch(() => undefined);
      if (here === undefined) {
        const onProgress = (done: number) => hooks.onProgress?.(before + done, total);
        await fetchFile(file, path, { signal: hooks.signal, onProgress });
      }
      const now = new Date();
      await utimes(path, now, now); // time of the last use
      before += file.bytes;
    }
    await makeRoom(new Set(large.map(({ sha256 }) => sha256)));
  }

  /** Deletes the least recently used weights until the rest fits. A process that has a file open keeps its content. */
  async function makeRoom(needed: ReadonlySet<string>): Promise<void> {
    const files = await Promise.all(
      (await readdir(cache))
        .filter((name) => !name.endsWith(".part"))
        .map(async (name) => ({ name, ...(await stat(join(cache, name))) })),
    );
    files.sort((a, b) => a.mtimeMs - b.mtimeMs);
    let bytes = files.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size } of files) {
      if (bytes <= cacheBytes) return;
      if (needed.has(name)) continue;
      await rm(join(cache, name), { force: true });
      bytes -= size;
    }
  }

  return {
    async refresh() {
      const there = new Set<string>();
      const failures: unknown[] = [];
      for await (const { key } of bucket.list("models/")) {
        const bytes = await bucket.get(key);
        if (bytes === undefined) continue; // deleted in the meantime
        await refreshOne(key, Buffer.from(bytes).toString(), there).catch((error) => failures.push(error));
      }
      for (const name of await foldersIn(modelsDir)) {
        if (!there.has(name) && (await markOf(modelsDir, name)) !== undefined)
          await rm(join(modelsDir, name), { recursive: true });
      }
      if (failures.length > 0) throw failures[0]; // one faulty model does not hide others
    },
    bring(registration, hooks = {}) {
      const running =
        bringing.get(registration) ?? bring(registration, hooks).finally(() => bringing.delete(registration));
      bringing.set(registration, running);
      return running;
    },
  };
}

const markOf = (modelsDir: string, name: string): Promise<string | undefined> =>
  readFile(join(modelsDir, name, MARK), "utf8").catch(() => undefined);

const isInstalled = (modelsDir: string, name: string): Promise<boolean> =>
  stat(join(modelsDir, name)).then(
    () => true,
    () => false,
  );

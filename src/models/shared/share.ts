import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { Bucket } from "../../buckets/index.ts";
import type { Adapter } from "../adapters.ts";
import { readCardJson } from "../card.ts";
import { ModelError } from "../errors.ts";
import type { Model } from "../registry.ts";
import { fileKey, type Manifest, manifestKey, type SharedFile } from "./manifest.ts";

export interface ShareHooks {
  readonly signal?: AbortSignal;
  onProgress?(progress: { readonly what: string; readonly done: number; readonly total: number }): void;
}

interface FileToShare {
  readonly path: string;
  readonly source: string;
  readonly bytes: number;
}

/**
 * Copies an installed model into a bucket, where other machines find it. It sends only files that the bucket lacks. So an interrupted run
 * continues, and models share equal files. The model appears when all its files have been sent.
 *
 * @returns its manifest, and the number of bytes sent
 * @throws ModelError `notRemovable` for the bundled model, which every machine has
 */
export async function shareModel(
  model: Model | Adapter,
  bucket: Bucket,
  { signal, onProgress }: ShareHooks = {},
): Promise<{ readonly manifest: Manifest; readonly sent: number }> {
  if (model.origin !== "installed" || model.registration === undefined) {
    throw new ModelError("notRemovable", `${model.card.air} is included in the package, so every machine has it`);
  }
  const scratch = await mkdtemp(join(tmpdir(), "inkstone-share-"));
  try {
    const list = await filesOf(model, scratch);
    const total = list.reduce((sum, { bytes }) => sum + bytes, 0);
    const files: SharedFile[] = [];
    let done = 0;
    let sent = 0;
    for (const { path, source, bytes } of list) {
      signal?.throwIfAborted();
      const sha256 = await hashOf(source, signal);
      const key = fileKey(sha256);
      if (!(await isThere(bucket, key, bytes))) {
        await bucket.putFile(key, source, (part) => onProgress?.({ what: path, done: done + part, total }));
        sent += bytes;
      }
      done += bytes;
      onProgress?.({ what: path, done, total });
      files.push({ path, bytes, sha256 });
    }
    const manifest: Manifest = { version: 1, name: basename(model.registration), files };
    await bucket.put(manifestKey(manifest.name), Buffer.from(JSON.stringify(manifest)));
    return { manifest, sent };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Removes a model from the bucket, with the files that no other model uses. @returns false when the bucket does not have it */
export async function unshareModel(name: string, bucket: Bucket): Promise<boolean> {
  if ((await bucket.get(manifestKey(name))) === undefined) return false;
  await bucket.delete(manifestKey(name));
  const used = new Set<string>();
  for await (const { key } of bucket.list("models/")) {
    const text = await bucket.get(key);
    if (text)
      for (const { sha256 } of (JSON.parse(Buffer.from(text).toString()) as Manifest).files) used.add(fileKey(sha256));
  }
  for await (const { key } of bucket.list("files/")) if (!used.has(key)) await bucket.delete(key);
  return true;
}

/** All files of a model, at their place beside the card on other machines. The card gets this place too. */
async function filesOf(model: Model | Adapter, scratch: string): Promise<FileToShare[]> {
  const registration = model.registration!;
  const card = (await readCardJson(join(registration, "card.json"))) as object;
  const isCheckpoint = "folder" in model;
  const source = isCheckpoint ? model.folder : model.path;
  const place = isCheckpoint ? "checkpoint" : basename(source);
  const moved = join(scratch, "card.json");
  await writeFile(moved, JSON.stringify({ ...card, [isCheckpoint ? "checkpoint" : "path"]: place }));
  const files = [{ path: "card.json", source: moved, bytes: (await stat(moved)).size }];
  if (!(await stat(source)).isDirectory()) return [...files, { path: place, source, bytes: (await stat(source)).size }];
  // Components may be links to shared folders. The files behind the links are copied.
  for await (const path of filesBelow(source)) {
    files.push({
      path: `${place}/${path}`,
      source: resolve(source, path),
      bytes: (await stat(join(source, path))).size,
    });
  }
  return files;
}

async function* filesBelow(folder: string, inside = ""): AsyncGenerator<string> {
  for (const name of (await readdir(join(folder, inside))).sort()) {
    if (name.startsWith(".")) continue;
    const path = inside === "" ? name : `${inside}/${name}`;
    if ((await stat(join(folder, path))).isDirectory()) yield* filesBelow(folder, path);
    else if (path !== "card.json") yield path;
  }
}

async function hashOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    signal?.throwIfAborted();
    hash.update(piece);
  }
  return hash.digest("hex");
}

async function isThere(bucket: Bucket, key: string, bytes: number): Promise<boolean> {
  for await (const found of bucket.list(key)) if (found.key === key) return found.length === bytes;
  return false;
}

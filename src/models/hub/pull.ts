import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listFiles } from "@huggingface/hub";
import { fetchFile, type HubFile } from "./fetch-file.ts";

export interface PullProgress {
  readonly path: string;
  /** Bytes of this file that are here, of all. */
  readonly done: number;
  readonly size: number;
}

export interface PullOptions {
  /** A branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Which files, by path. Default: configurations, tokenizer and safetensors. */
  readonly wanted?: (path: string) => boolean;
  /** Address of the hub. Default: the public one. */
  readonly hubUrl?: string;
  /** For repositories that are not public. */
  readonly accessToken?: string;
  /** Aborting ends it; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told which files are wanted before the first of them is downloaded. What it throws ends it. */
  onListed?(paths: readonly string[]): void | Promise<void>;
  /** Waits between attempts. Default: by the clock. */
  rest?(ms: number): Promise<unknown>;
  onProgress?(progress: PullProgress): void;
}

const WEIGHTS_AND_WORDS = /\.(json|safetensors|txt|jinja)$/;

/**
 * Downloads a model repository into a folder: what is there already, by checksum, is left, and what broke off is resumed.
 * @returns paths of its files, relative to the folder
 * @throws Error naming the repository or file, and what is wrong with it; what `onListed` throws
 */
export async function pullRepository(repo: string, folder: string, options: PullOptions = {}): Promise<string[]> {
  const { wanted = (path) => WEIGHTS_AND_WORDS.test(path), revision = "main", hubUrl, accessToken, signal } = options;
  const { rest = (ms: number) => sleep(ms, undefined, signal && { signal }) } = options;
  const ask: typeof fetch = (url, init) => fetch(url, { ...init, signal: signal ?? null });
  const place = { repo, revision, fetch: ask, ...(hubUrl && { hubUrl }), ...(accessToken && { accessToken }) };
  const files: HubFile[] = [];
  try {
    for await (const { type, path, size, oid, lfs } of listFiles({ ...place, recursive: true })) {
      if (type === "file" && wanted(path)) files.push({ path: safe(path), size, checksum: checksumOf(path, oid, lfs) });
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Error(`${repo} at ${revision} cannot be listed: ${(cause as Error).message}`, { cause });
  }
  const paths = files.map(({ path }) => path);
  await options.onListed?.(paths);
  for (const file of files) {
    const told = (done: number) => options.onProgress?.({ path: file.path, done, size: file.size });
    await fetchFile(place, file, join(folder, file.path), { told, rest, signal });
  }
  signal?.throwIfAborted();
  return paths;
}

/** Large files are known by their SHA-256, small ones by the name git gives their content. */
function checksumOf(path: string, oid: string | undefined, lfs: { readonly oid: string } | undefined) {
  if (lfs) return { kind: "sha256", hex: lfs.oid } as const;
  if (oid !== undefined) return { kind: "git", hex: oid } as const;
  throw new Error(`${path} has no checksum`);
}

/** The hub says where in the folder a file goes, but never outside it. */
function safe(path: string): string {
  if (path.startsWith("/") || path.includes("\\") || path.split("/").some((part) => part === "" || part === "..")) {
    throw new Error(`its file ${JSON.stringify(path)} has no usable path`);
  }
  return path;
}

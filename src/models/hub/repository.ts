import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HUB_URL, HubApiError, listFiles } from "@huggingface/hub";
import { fetchFile, type HubFile } from "./fetch-file.ts";

export interface PullProgress {
  readonly path: string;
  /** Bytes of this file that are here, of all. */
  readonly done: number;
  readonly size: number;
}

export interface RepositoryOptions {
  /** A branch, tag or commit. Default `main`. */
  readonly revision?: string | undefined;
  /** Address of the hub. Default: the public one. */
  readonly hubUrl?: string | undefined;
  /** For repositories that are not public. */
  readonly accessToken?: string | undefined;
  /** Aborting ends it; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Waits between attempts. Default: by the clock. */
  rest?(ms: number): Promise<unknown>;
  onProgress?(progress: PullProgress): void;
}

/** A repository of the hub at one revision: what it holds, and how to get it. */
export interface Repository {
  readonly name: string;
  readonly revision: string;
  readonly files: readonly HubFile[];
  /**
   * Brings a file to its place below a folder: what is there already, by checksum, is left, and what broke off is resumed.
   * @returns its path
   * @throws Error naming the file, and what is wrong with it
   */
  fetch(file: HubFile, folder: string): Promise<string>;
}

/**
 * Asks the hub what a repository holds; nothing is downloaded.
 * @throws Error naming the repository, and what is wrong with it
 */
export async function openRepository(repo: string, options: RepositoryOptions = {}): Promise<Repository> {
  const { revision = "main", hubUrl, accessToken, signal } = options;
  const { rest = (ms: number) => sleep(ms, undefined, signal && { signal }) } = options;
  const ask: typeof fetch = (url, init) => fetch(url, { ...init, signal: signal ?? null });
  const place = { repo, revision, fetch: ask, ...(hubUrl && { hubUrl }), ...(accessToken && { accessToken }) };
  const files: HubFile[] = [];
  try {
    for await (const { type, path, size, oid, lfs } of listFiles({ ...place, recursive: true })) {
      if (type === "file") files.push({ path: safe(path), size, checksum: checksumOf(path, oid, lfs) });
    }
  } catch (cause) {
    signal?.throwIfAborted();
    const advice = adviceOn(cause, hubUrl);
    throw new Error(`${repo} at ${revision} cannot be listed: ${(cause as Error).message}${advice}`, { cause });
  }
  return {
    name: repo,
    revision,
    files,
    async fetch(file, folder) {
      const told = (done: number) => options.onProgress?.({ path: file.path, done, size: file.size });
      const target = join(folder, file.path);
      await fetchFile(place, file, target, { told, rest, signal });
      return target;
    },
  };
}

/** What a person can do about a hub that does not answer, or that refuses. */
function adviceOn(cause: unknown, hubUrl: string = HUB_URL): string {
  if (cause instanceof HubApiError) {
    const { statusCode } = cause;
    if (statusCode !== 401 && statusCode !== 403 && statusCode !== 404) return "";
    return ". Is the name right (OWNER/NAME, --revision)? If it is not public, HF_TOKEN must hold a token that may read it";
  }
  // Node's fetch says only that it failed; why is in the cause.
  const why = cause instanceof Error && cause.cause instanceof Error ? ` (${cause.cause.message})` : "";
  return `${why}. ${hubUrl} could not be reached: check the network, or name a mirror in HF_ENDPOINT. What was downloaded before is kept and gone on with. Without a network, \`inkstone models add FOLDER\` takes files that are here`;
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

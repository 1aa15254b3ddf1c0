import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HUB_URL, HubApiError, listFiles } from "@huggingface/hub";
import { fetchFile, type HubFile } from "./fetch-file.ts";

/** Progress of downloading one file. */
export interface PullProgress {
  readonly path: string;
  /** Bytes of this file on disk, of `total`. */
  readonly done: number;
  readonly size: number;
}

/** Where and how to open a repository. */
export interface RepositoryOptions {
  /** A branch, tag or commit. Default: `main`. */
  readonly revision?: string | undefined;
  /** Address of the hub. Default: the public one. */
  readonly hubUrl?: string | undefined;
  /** Token for private repositories. */
  readonly accessToken?: string | undefined;
  /** Aborting stops the download. The promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Waits between attempts, in milliseconds. Default: a timer. */
  rest?(ms: number): Promise<unknown>;
  onProgress?(progress: PullProgress): void;
}

/** A repository of the hub at one revision: its files, and how to download them. */
export interface Repository {
  readonly name: string;
  readonly revision: string;
  readonly files: readonly HubFile[];
  /**
   * Downloads a file to its place in a folder. A file with the correct checksum is kept, and a partial download is continued.
   * @returns its path
   * @throws Error naming the file and the fault
   */
  fetch(file: HubFile, folder: string): Promise<string>;
}

/**
 * Lists the files of a repository. It downloads nothing.
 * @throws Error naming the repository and the fault
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

/** Advice for a person whose hub does not answer, or refuses. */
function adviceOn(cause: unknown, hubUrl: string = HUB_URL): string {
  if (cause instanceof HubApiError) {
    const { statusCode } = cause;
    if (statusCode !== 401 && statusCode !== 403 && statusCode !== 404) return "";
    return ". Check the name (OWNER/NAME) and --revision. For a private repository, set HF_TOKEN to a token that may read it";
  }
  // Node's fetch reports only that it failed. The cause has the reason.
  const why = cause instanceof Error && cause.cause instanceof Error ? ` (${cause.cause.message})` : "";
  return `${why}. ${hubUrl} could not be reached: check the network, or name a mirror in HF_ENDPOINT. Downloaded parts are kept; repeat the command to continue. Without a network, use \`inkstone models add FOLDER\` with files on this machine`;
}

/** Large files have a SHA-256, small ones the hash that git computes of their content. */
function checksumOf(path: string, oid: string | undefined, lfs: { readonly oid: string } | undefined) {
  if (lfs) return { kind: "sha256", hex: lfs.oid } as const;
  if (oid !== undefined) return { kind: "git", hex: oid } as const;
  throw new Error(`${path} has no checksum`);
}

/** A path inside the folder. The hub must not write outside it. */
function safe(path: string): string {
  if (path.startsWith("/") || path.includes("\\") || path.split("/").some((part) => part === "" || part === "..")) {
    throw new Error(`its file ${JSON.stringify(path)} has no usable path`);
  }
  return path;
}

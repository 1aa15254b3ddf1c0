import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { downloadFile, HubApiError } from "@huggingface/hub";
import { isDiskError } from "../../disk-error.ts";
import { fileSize } from "../file-size.ts";

/** A file of a repository. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  readonly checksum: { readonly kind: "sha256" | "git"; readonly hex: string };
}

interface Place {
  readonly repo: string;
  readonly revision: string;
  readonly hubUrl?: string;
  readonly accessToken?: string;
  /** Sends requests to the hub. It obeys the signal. */
  readonly fetch: typeof fetch;
}

/** Progress, waiting and end of a download. */
interface Conduct {
  /** Receives the number of bytes on disk. */
  told(done: number): void;
  /** Waits before the next attempt. It ends early when the signal aborts. */
  rest(ms: number): Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

/** Successive attempts without any new bytes before the download fails. */
const ATTEMPTS = 5;
const FIRST_REST = 1000;

/**
 * Downloads a file to `target`, unless it exists. It is written to `target.part`, and renamed when its checksum is correct. The bytes
 * of a broken connection or an earlier run are kept and continued.
 * @throws Error naming the file; the signal's reason when it aborts
 */
export async function fetchFile(place: Place, file: HubFile, target: string, conduct: Conduct): Promise<void> {
  const { told, signal } = conduct;
  signal?.throwIfAborted();
  const part = `${target}.part`;
  if ((await fileSize(target)) === file.size && (await checksum(file, target, signal)) === file.checksum.hex) {
    return told(file.size);
  }
  await mkdir(dirname(target), { recursive: true });
  await persist(place, file, part, conduct);
  const found = await checksum(file, part, signal);
  if (found !== file.checksum.hex) {
    await rm(part, { force: true });
    throw new Error(`${file.path} is damaged: its checksum is ${found}, the hub's is ${file.checksum.hex}`);
  }
  await rename(part, target);
}

/** Completes the file over several connections. The pauses between them grow, until `ATTEMPTS` of them add no bytes. */
async function persist(place: Place, file: HubFile, part: string, { told, rest, signal }: Conduct): Promise<void> {
  const bytesHere = async () => {
    const size = (await fileSize(part)) ?? 0;
    return size > file.size ? 0 : size;
  };
  let most = await bytesHere();
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    try {
      return await continueFile(place, file, part, told, signal);
    } catch (cause) {
      signal?.throwIfAborted();
      const here = await bytesHere();
      failures = here > most ? 1 : failures + 1;
      most = Math.max(most, here);
      if (failures === ATTEMPTS || isDenial(cause)) {
        const advice = "the downloaded part is kept; repeat the command to continue";
        throw new Error(`${file.path} cannot be downloaded: ${messageOf(cause)}; ${advice}`, { cause });
      }
      await rest(FIRST_REST * 2 ** (failures - 1)).catch(() => {});
    }
  }
}

/** True when a repeated attempt fails in the same way: the hub refuses, or the disk is full or cannot be used. */
function isDenial(cause: unknown): boolean {
  if (isDiskError(cause)) return true;
  if (!(cause instanceof HubApiError)) return false;
  const { statusCode } = cause;
  return statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
}

/** A broken stream of the hub rejects with a string. */
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** Appends the missing bytes of the file. */
async function continueFile(
  place: Place,
  file: HubFile,
  part: string,
  told: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let done = (await fileSize(part)) ?? 0;
  if (done > file.size) {
    await rm(part);
    done = 0;
  }
  const output = await open(part, "a");
  try {
    told(done);
    if (done === file.size) return;
    const blob = await downloadFile({ ...place, path: file.path, xet: false });
    if (!blob) throw new Error("the hub does not have this file");
    for await (const piece of blob.slice(done).stream()) {
      signal?.throwIfAborted();
      await output.writeFile(piece);
      done += piece.length;
      told(done);
    }
    if (done !== file.size) throw new Error(`the connection ended after ${done} of ${file.size} bytes`);
  } finally {
    await output.close();
  }
}

async function checksum(
  { checksum: { kind }, size }: HubFile,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash: Hash = kind === "git" ? createHash("sha1").update(`blob ${size}\0`) : createHash("sha256");
  for await (const piece of createReadStream(path)) {
    signal?.throwIfAborted();
    hash.update(piece);
  }
  return hash.digest("hex");
}

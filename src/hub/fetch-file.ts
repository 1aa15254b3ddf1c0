import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { downloadFile } from "@huggingface/hub";

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
}

/** Connections that may break while a file comes. */
const ATTEMPTS = 5;

/**
 * Brings a file to `target` unless it is there. It comes as `target.part` and is renamed once its checksum is right; what a broken
 * connection or an earlier run left of it is continued.
 * @throws Error naming the file
 */
export async function fetchFile(
  place: Place,
  file: HubFile,
  target: string,
  told: (done: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const part = `${target}.part`;
  if ((await sizeOf(target)) === file.size && (await checksum(file, target)) === file.checksum.hex) {
    return told(file.size);
  }
  await mkdir(dirname(target), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      await continueFile(place, file, part, told, signal);
      break;
    } catch (cause) {
      signal?.throwIfAborted();
      if (attempt < ATTEMPTS) continue;
      throw new Error(`${file.path} cannot be downloaded: ${(cause as Error).message}`, { cause });
    }
  }
  const found = await checksum(file, part);
  if (found !== file.checksum.hex) {
    await rm(part, { force: true });
    throw new Error(`${file.path} is damaged: its checksum is ${found}, the hub's is ${file.checksum.hex}`);
  }
  await rename(part, target);
}

/** Appends what is missing of the file. */
async function continueFile(
  place: Place,
  file: HubFile,
  part: string,
  told: (done: number) => void,
  signal?: AbortSignal,
) {
  let done = (await sizeOf(part)) ?? 0;
  if (done > file.size) {
    await rm(part);
    done = 0;
  }
  const output = await open(part, "a");
  try {
    told(done);
    if (done === file.size) return;
    const blob = await downloadFile({ ...place, path: file.path, xet: false });
    if (!blob) throw new Error("the hub does not have it");
    for await (const piece of blob.slice(done).stream()) {
      signal?.throwIfAborted();
      await output.writeFile(piece);
      done += piece.length;
      told(done);
    }
    if (done !== file.size) throw new Error(`${done} of ${file.size} bytes came`);
  } finally {
    await output.close();
  }
}

async function checksum({ checksum: { kind }, size }: HubFile, path: string): Promise<string> {
  const hash: Hash = kind === "git" ? createHash("sha1").update(`blob ${size}\0`) : createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

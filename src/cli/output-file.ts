import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { extensionOf, formatFromName, type ImageFormat, type WrittenFormat } from "../pictures/index.ts";
import { reasonOf, UsageError } from "./exit.ts";

/** Where pictures go: a folder that gets names made from prompt and seed, or one named file. */
export interface OutputTarget<Format extends WrittenFormat = ImageFormat> {
  readonly format: Format;
  /** Absolute. */
  readonly folder: string;
  /** File name without extension; absent: named after prompt and seed. */
  readonly stem?: string;
  /** Extension as the user spelt it, without the dot. */
  readonly extension: string;
  /** Whether a named file may replace one that is there. */
  readonly overwrite: boolean;
}

/** What `--out`, `--overwrite` and the format say. */
export interface OutputChoice<Format extends WrittenFormat> {
  readonly out?: string | undefined;
  readonly overwrite?: boolean | undefined;
  readonly format: Format | undefined;
}

/** The formats of pictures; the first is the default. */
export const PICTURES = ["PNG", "JPG", "WEBP"] as const satisfies readonly ImageFormat[];

/**
 * Reads `--out` and `--format`. An existing folder, or a path that ends in a slash, is a folder; anything else a file, whose
 * extension says the format. Default: the first of `formats`, into the current folder.
 * @throws UsageError when the extension names no format, or another one than `format`
 */
export async function outputTarget<Format extends WrittenFormat>(
  { out, overwrite = false, format }: OutputChoice<Format>,
  formats: readonly [Format, ...Format[]],
  cwd: string,
): Promise<OutputTarget<Format>> {
  if (out === undefined || (await isFolder(out, cwd))) {
    const chosen = format ?? formats[0];
    return { format: chosen, folder: resolve(cwd, out ?? "."), extension: extensionOf(chosen), overwrite };
  }
  const extension = extname(out).slice(1);
  const word = formatFromName(extension);
  const named = formats.find((known) => known === word);
  if (!named) {
    const endings = formats.map((known) => `.${extensionOf(known)}`).toSorted();
    throw new UsageError(
      `--out is "${out}"; a file name must end in ${endings.join(", ")} (a folder must exist or end in ${sep})`,
    );
  }
  if (format && format !== named)
    throw new UsageError(`--out is "${out}", which is ${named}, but the format is ${format}`);
  const path = resolve(cwd, out);
  return { format: named, folder: dirname(path), stem: basename(path, `.${extension}`), extension, overwrite };
}

/**
 * Makes the folder and tries whether a file can be written there, so that nothing is drawn in vain.
 * @throws UsageError when it cannot, or when one of `count` named files is there already and may not be replaced
 */
export async function requireWritable(target: OutputTarget<WrittenFormat>, count: number, cwd: string): Promise<void> {
  const { folder, stem, extension, overwrite } = target;
  const probe = join(folder, `.inkstone.${process.pid}.part`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    throw new UsageError(`--out: ${shownPath(folder, cwd) || "this folder"} cannot be written (${reasonOf(error)})`);
  }
  if (overwrite || stem === undefined) return;
  for (let index = 0; index < count; index++) {
    const path = join(folder, `${numbered(stem, index, count)}.${extension}`);
    if (!(await exists(path))) continue;
    throw new UsageError(
      `--out: ${shownPath(path, cwd)} is there already; --overwrite replaces it, another name keeps it`,
    );
  }
}

/**
 * File of picture `index` of `count`: never an existing one, unless it was named and may be replaced.
 * @param otherwise its name without extension where none was given
 */
export async function outputPath(
  target: OutputTarget<WrittenFormat>,
  { otherwise, index = 0, count = 1 }: { readonly otherwise: string; readonly index?: number; readonly count?: number },
): Promise<string> {
  const { folder, stem, extension, overwrite } = target;
  const name = stem === undefined ? otherwise : numbered(stem, index, count);
  for (let copy = 1; ; copy++) {
    const path = join(folder, `${name}${copy > 1 ? `-${copy}` : ""}.${extension}`);
    if ((overwrite && stem !== undefined) || !(await exists(path))) return path;
  }
}

/** A named file's name, numbered when several share it. */
const numbered = (stem: string, index: number, count: number): string => (count > 1 ? `${stem}-${index + 1}` : stem);

/** A name made from prompt and seed: the prompt's first words, safe in a file name, at most 40 characters, in any script. */
export function nameOf(prompt: string, seed: bigint): string {
  const words = prompt
    .normalize("NFC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}]+/gu, "-");
  const short = [...words]
    .slice(0, 40)
    .join("")
    .replace(/^-+|-+$/g, "");
  return `${short || "picture"}-${seed}`;
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A path as it is printed: from the current folder on, where it lies inside. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith("..") ? path : short;
}

async function isFolder(out: string, cwd: string): Promise<boolean> {
  if (out.endsWith("/") || out.endsWith(sep)) return true;
  return stat(resolve(cwd, out)).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

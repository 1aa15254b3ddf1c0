import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { extensionOf, formatFromName, type ImageFormat, type WrittenFormat } from "../pictures/index.ts";
import { reasonOf, UsageError } from "./exit.ts";

/** The destination of images: a folder with names made from prompt and seed, or one named file. */
export interface OutputTarget<Format extends WrittenFormat = ImageFormat> {
  readonly format: Format;
  /** Absolute. */
  readonly folder: string;
  /** File name without extension. Absent: a name made from prompt and seed. */
  readonly stem?: string;
  /** Extension as the user typed it, without the dot. */
  readonly extension: string;
  /** True if a named file may replace an existing one. */
  readonly overwrite: boolean;
}

/** The values of `--out`, `--overwrite` and the format. */
export interface OutputChoice<Format extends WrittenFormat> {
  readonly out?: string | undefined;
  readonly overwrite?: boolean | undefined;
  readonly format: Format | undefined;
}

/** The formats of images. The first is the default. */
export const PICTURES = ["PNG", "JPG", "WEBP"] as const satisfies readonly ImageFormat[];

/**
 * Reads `--out` and `--format`. An existing folder, or a path that ends in a slash, is a folder. Anything else is a
 * file, and its extension sets the format. Default: the first of `formats`, in the current folder.
 * @throws UsageError if the extension is not a format, or differs from `format`
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
 * Creates the folder and checks that a file can be written there, before anything is generated.
 * @throws UsageError if it cannot, or if one of `count` named files exists and may not be replaced
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
      `--out: ${shownPath(path, cwd)} already exists; --overwrite replaces it, another name keeps it`,
    );
  }
}

/**
 * The file of image `index` of `count`. Never an existing file, unless it was named and may be replaced.
 * @param otherwise the name without extension if no name was given
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

/** The name of a named file, numbered if there are several images. */
const numbered = (stem: string, index: number, count: number): string => (count > 1 ? `${stem}-${index + 1}` : stem);

/**
 * A name made from prompt and seed: the first words of the prompt, safe in a file name, at most 40 characters, in any
 * script.
 */
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

/** Writes a file completely or not at all. */
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

/** A path for messages: relative if it is inside the current folder. */
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

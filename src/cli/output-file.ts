import { rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { extensionOf, formatFromName, type ImageFormat, imageFormats } from "../pictures/index.ts";
import { UsageError } from "./exit.ts";

/** Where pictures go: a folder that gets names made from prompt and seed, or one named file. */
export interface OutputTarget {
  readonly format: ImageFormat;
  /** Absolute. */
  readonly folder: string;
  /** File name without extension; absent: named after prompt and seed. */
  readonly stem?: string;
  /** Extension as the user spelt it, without the dot. */
  readonly extension: string;
}

/**
 * Reads `--out` and `--format`. An existing folder, or a path that ends in a slash, is a folder; anything else a file, whose
 * extension says the format. Default: PNG into the current folder.
 * @throws UsageError when the extension names no format, or another one than `format`
 */
export async function outputTarget(
  out: string | undefined,
  format: ImageFormat | undefined,
  cwd: string,
): Promise<OutputTarget> {
  if (out === undefined || (await isFolder(out, cwd))) {
    const chosen = format ?? "PNG";
    return { format: chosen, folder: resolve(cwd, out ?? "."), extension: extensionOf(chosen) };
  }
  const extension = extname(out).slice(1);
  const named = formatFromName(extension);
  if (!named) {
    throw new UsageError(
      `--out is "${out}"; a file name must end in ${imageFormats.map((f) => `.${extensionOf(f)}`).join(", ")}` +
        ` (a folder must exist or end in ${sep})`,
    );
  }
  if (format && format !== named)
    throw new UsageError(`--out is "${out}", which is ${named}, but the format is ${format}`);
  const path = resolve(cwd, out);
  return { format: named, folder: dirname(path), stem: basename(path, `.${extension}`), extension };
}

/** File of picture `index` of `count`: numbered when several share a name, never an existing file when the name was made up. */
export async function outputPath(
  target: OutputTarget,
  picture: { prompt: string; seed: bigint; index: number; count: number },
): Promise<string> {
  const { folder, stem, extension } = target;
  if (stem !== undefined)
    return join(folder, `${stem}${picture.count > 1 ? `-${picture.index + 1}` : ""}.${extension}`);
  const name = `${slug(picture.prompt)}-${picture.seed}`;
  for (let copy = 1; ; copy++) {
    const path = join(folder, `${name}${copy > 1 ? `-${copy}` : ""}.${extension}`);
    if (!(await exists(path))) return path;
  }
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

/** The prompt's first words, safe in a file name, at most 40 characters, in any script. */
function slug(prompt: string): string {
  const words = prompt
    .normalize("NFC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}]+/gu, "-");
  return (
    [...words]
      .slice(0, 40)
      .join("")
      .replace(/^-+|-+$/g, "") || "picture"
  );
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

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import {
  ImageError,
  type ImageHeader,
  type PictureMetadata,
  readHeader,
  readMetadata,
  readSvg,
} from "../pictures/index.ts";
import { stringifyJson } from "../protocol/index.ts";
import { UsageError } from "./exit.ts";
import { print, type Terminal } from "./terminal.ts";

/** `inkstone inspect FILE…`: shows the parameters of images. */
export function addInspect(command: Command, terminal: Terminal): void {
  command
    .argument("<file...>", "Files: PNG, JPG, WEBP, AVIF, GIF or TIFF, and SVG of `inkstone vectorize`.")
    .option("--json", "One JSON array on stdout.")
    .addHelpText(
      "after",
      '\nExample:\n  inkstone inspect sign.png\n  inkstone inspect --json *.webp | jq ".[].parameters.seed"',
    )
    .action(async (files: string[], options: { json?: true }) => {
      const pictures = [];
      for (const file of files) pictures.push(await inspect(resolve(terminal.cwd, file), file));
      if (options.json) print(terminal, stringifyJson(pictures.map(asJson), 2));
      else print(terminal, pictures.map(asText).join("\n\n"));
    });
}

interface Inspected extends Pick<ImageHeader, "width" | "height"> {
  readonly file: string;
  readonly format: ImageHeader["format"] | "SVG";
  readonly metadata: PictureMetadata | undefined;
}

async function inspect(path: string, file: string): Promise<Inspected> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read: ${error.code === "ENOENT" ? "no such file" : error.message}`);
  });
  try {
    const drawing = readSvg(bytes);
    if (drawing) return { file, format: "SVG", ...drawing };
    return { file, ...(await readHeader(bytes, { maxPixels: Infinity })), metadata: await readMetadata(bytes) };
  } catch (error) {
    throw error instanceof ImageError
      ? new ImageError(error.reason, `${file}: ${error.message}`, { cause: error })
      : error;
  }
}

function asJson({ file, format, width, height, metadata }: Inspected) {
  return { file, format, width, height, ...metadata };
}

function asText({ file, format, width, height, metadata }: Inspected): string {
  const head = `${file}\n  ${format}, ${width}×${height}`;
  if (!metadata) return `${head}\n  contains no parameters of Inkstone`;
  const { parameters, ...facts } = metadata;
  const rows = Object.entries({ ...facts, ...parameters });
  const longest = Math.max(...rows.map(([key]) => key.length));
  const lines = rows.map(
    ([key, value]) => `  ${key.padEnd(longest)}  ${typeof value === "string" ? value : stringifyJson(value)}`,
  );
  return [head, ...lines].join("\n");
}

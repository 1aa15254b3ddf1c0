import { statSync } from "node:fs";
import { CheckpointError } from "../checkpoint-file.ts";
import { type ByteSource, fileBytes } from "./byte-source.ts";
import { ggufSource } from "./gguf-source.ts";
import { safetensorsSource } from "./safetensors-source.ts";
import type { TensorSource } from "./tensor-source.ts";

/**
 * Opens a file of weights. Its first bytes, not its name, decide the format.
 * @throws CheckpointError naming the file, its kind, and what to do about an unsupported one
 */
export function openSource(path: string): TensorSource {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new CheckpointError(`${path} is a folder; name a file`);
  const bytes = fileBytes(path);
  try {
    return sourceOf(bytes);
  } catch (cause) {
    bytes.close();
    throw cause;
  }
}

/** Like `openSource`, for open bytes. */
export function sourceOf(bytes: ByteSource): TensorSource {
  const start = bytes.read(0, Math.min(bytes.size, 512));
  const foreign = foreignFile(start);
  if (foreign) throw new CheckpointError(`${bytes.name} is ${foreign}`);
  return isGguf(start) ? ggufSource(bytes) : safetensorsSource(bytes);
}

function isGguf(start: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(start.subarray(0, 4)) === "GGUF";
}

/** The kind of a file that people often mistake for weights, with advice; undefined when it may be weights. */
export function foreignFile(start: Uint8Array): string | undefined {
  const text = new TextDecoder("latin1").decode(start);
  if (start.length === 0) return "empty";
  if (text.startsWith("version https://git-lfs.github.com/spec")) {
    return "a Git LFS pointer, not the weights: run `git lfs pull` in its repository, or download the file itself";
  }
  if (/^\s*(<!doctype|<html|<\?xml|<head)/i.test(text))
    return "an HTML page, not weights: the download was refused or needs a login";
  if (/^\s*\{\s*"(error|message|detail)"/.test(text))
    return "an error message in JSON, not weights: the download was refused";
  if (text.startsWith("PK\u0003\u0004")) {
    return /archive|data\.pkl|\/data/.test(text)
      ? "a PyTorch pickle (.pt, .ckpt, .bin), which can run code when it is read; use the .safetensors file of the same model"
      : "a ZIP archive; unpack it first";
  }
  if (start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5) {
    return "a Python pickle, which can run code when it is read; use the .safetensors file of the same model";
  }
  if (start[0] === 0x1f && start[1] === 0x8b) return "compressed with gzip; unpack it first";
  if (text.startsWith("7z\u00bc\u00af") || text.startsWith("Rar!")) return "an archive; unpack it first";
  if (text.startsWith("\u0089HDF")) return "an HDF5 file; use the .safetensors file of the same model";
  if (/^(ggml|ggjt|ggmf|lmgg|tjgg)/.test(text)) return "in a format older than GGUF; use a GGUF file";
  return undefined;
}

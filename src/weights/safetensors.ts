import { type FileHandle, open } from "node:fs/promises";
import { CheckpointError } from "./checkpoint-error.ts";

/** One tensor of a safetensors file: where its bytes are and how to read them. */
export interface TensorEntry {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

const BYTES_PER_ELEMENT = { F32: 4, F16: 2, BF16: 2, F64: 8, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type StoredType = keyof typeof BYTES_PER_ELEMENT;

/** The format's own limit on the JSON header (huggingface/safetensors, `MAX_HEADER_SIZE`). */
const MAX_HEADER_BYTES = 100_000_000;

/** The header of a safetensors file: its tensors by name, and the strings its writer left. */
export interface SafetensorsHeader {
  readonly tensors: Map<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header of a safetensors file; tensor data is not touched.
 *
 * Layout: u64 little-endian header length, JSON header, data. `data_offsets` count from the end of the header.
 * Source: the format description in huggingface/safetensors.
 *
 * @throws CheckpointError naming the file and what is wrong with it; never reads outside the file.
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const file = await open(path, "r").catch((cause) => {
    throw new CheckpointError(`cannot open ${path}: ${cause.message}`, { cause });
  });
  try {
    const { header, dataStart, fileSize } = await readHeaderJson(file, path);
    return { tensors: parseEntries(header, dataStart, fileSize, path), metadata: stringsOf(header.__metadata__) };
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  } finally {
    await file.close();
  }
}

async function readHeaderJson(file: FileHandle, path: string) {
  const fileSize = (await file.stat()).size;
  if (fileSize < 8) throw new CheckpointError(`${path}: ${fileSize} bytes is too short for a safetensors file`);
  const headerLength = (await readExactly(file, 0, 8)).readBigUInt64LE();
  const limit = Math.min(MAX_HEADER_BYTES, fileSize - 8);
  if (headerLength > limit) {
    throw new CheckpointError(`${path}: header length ${headerLength} exceeds ${limit} (truncated or not safetensors)`);
  }
  const bytes = await readExactly(file, 8, Number(headerLength));
  const text = new TextDecoder("utf-8", { fatal: true });
  try {
    return { header: parseWithoutDuplicates(text.decode(bytes)), dataStart: 8 + Number(headerLength), fileSize };
  } catch (cause) {
    throw new CheckpointError(`${path}: header is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`it ended ${length - filled} bytes early`);
    filled += bytesRead;
  }
  return buffer;
}

/** JSON.parse keeps the last of two equal keys; two tensors of one name are an attack or a bug, so count the names. */
function parseWithoutDuplicates(json: string): Record<string, unknown> {
  const value = JSON.parse(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("expected an object");
  const names = new Set<string>();
  for (const key of topLevelKeys(json)) {
    if (names.has(key)) throw new Error(`duplicate key "${key}"`);
    names.add(key);
  }
  return value;
}

/** The keys of the outermost object of valid JSON text, in order, duplicates included. */
function* topLevelKeys(json: string): Generator<string> {
  let depth = 0;
  let expectKey = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at]!;
    if (character === '"') {
      const end = endOfString(json, at);
      if (depth === 1 && expectKey) yield JSON.parse(json.slice(at, end));
      expectKey = false;
      at = end - 1;
    } else if (character === "{" || character === "[") {
      depth++;
      expectKey = depth === 1;
    } else if (character === "}" || character === "]") depth--;
    else if (character === ",") expectKey = depth === 1;
  }
}

/** Where the string that starts at `at` is over, past its closing quote. A regular expression overflows the stack on megabytes. */
function endOfString(json: string, at: number): number {
  let end = at + 1;
  while (json[end] !== '"') end += json[end] === "\\" ? 2 : 1;
  return end + 1;
}

function parseEntries(header: Record<string, unknown>, dataStart: number, fileSize: number, path: string) {
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    entries.set(name, parseEntry(name, value, dataStart, fileSize, path));
  }
  refuseOverlaps(entries, path);
  return entries;
}

/** Metadata says nothing about the tensors: what is not a string is left out, not refused. */
function stringsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== "object" || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === "string"));
}

function parseEntry(name: string, value: unknown, dataStart: number, fileSize: number, path: string): TensorEntry {
  const fail = (what: string) => new CheckpointError(`${path}: tensor "${name}": ${what}`);
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(BYTES_PER_ELEMENT, dtype)) {
    throw fail(`dtype ${JSON.stringify(dtype)} is not one of ${Object.keys(BYTES_PER_ELEMENT).join(", ")}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw fail(`shape ${JSON.stringify(shape)} is not a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fail(`data_offsets ${JSON.stringify(offsets)} are not two byte positions`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || dataStart + end > fileSize) {
    throw fail(`bytes ${begin}…${end} are outside the ${fileSize - dataStart} bytes of data`);
  }
  const elements = shape.reduce((product: number, size: number) => product * size, 1);
  const expected = elements * BYTES_PER_ELEMENT[dtype as StoredType];
  if (end - begin !== expected) throw fail(`${dtype} of shape [${shape}] needs ${expected} bytes, has ${end - begin}`);
  return { dtype: dtype as StoredType, shape, offset: dataStart + begin, byteLength: end - begin };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refuseOverlaps(entries: Map<string, TensorEntry>, path: string): void {
  const ordered = [...entries].filter(([, e]) => e.byteLength > 0).sort(([, a], [, b]) => a.offset - b.offset);
  for (let i = 1; i < ordered.length; i++) {
    const [previousName, previous] = ordered[i - 1]!;
    const [name, entry] = ordered[i]!;
    if (previous.offset + previous.byteLength > entry.offset) {
      throw new CheckpointError(`${path}: tensors "${previousName}" and "${name}" overlap`);
    }
  }
}

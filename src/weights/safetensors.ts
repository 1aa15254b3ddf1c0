import { CheckpointError } from "./checkpoint-file.ts";
import { type ByteSource, fileBytes } from "./sources/byte-source.ts";

/** One tensor of a safetensors file: the position and type of its bytes. */
export interface TensorEntry {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

const BYTES_PER_ELEMENT = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F64: 8,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type StoredType = keyof typeof BYTES_PER_ELEMENT;

/** Bytes of one value of a type. */
export function bytesPerElement(dtype: StoredType): number {
  return BYTES_PER_ELEMENT[dtype];
}

/** Types of the format for packed weights and their scales, which are not supported. */
const MICROSCALED = /^(F4|F4_E2M1|F6_E2M3|F6_E3M2|F8_E8M0|F8_E8M0FNU)$/;

/**
 * Largest header, in bytes. The format allows 100 MB, but parsing that blocks a process for a minute. A tensor takes about 120 bytes. Headers of
 * real files: 0.25 MB (1,933 tensors of the 20B transformer), 0.6 MB (a LoRA of all layers), 0.5 MB (fp8 with scales). The
 * metadata of trainers (kohya's tag counts) adds up to a few megabytes.
 */
const MAX_HEADER_BYTES = 8_000_000;

/** The header of a safetensors file: its tensors by name, and the text metadata of its writer. */
export interface SafetensorsHeader {
  readonly tensors: Map<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header of a safetensors file. It does not read tensor data, and never reads outside the file.
 * @throws CheckpointError naming the file and the fault
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const bytes = fileBytes(path);
  try {
    return parseSafetensors(bytes);
  } finally {
    bytes.close();
  }
}

/**
 * Parses the header of a safetensors file.
 *
 * Layout: u64 little-endian header length, JSON header, data. `data_offsets` count from the end of the header.
 * Source: the format description in huggingface/safetensors.
 *
 * @throws CheckpointError naming the file and the fault
 */
export function parseSafetensors(bytes: ByteSource): SafetensorsHeader {
  const { header, dataStart } = readHeaderJson(bytes);
  return {
    tensors: parseEntries(header, dataStart, bytes.size, bytes.name),
    metadata: stringsOf(header.__metadata__),
  };
}

function readHeaderJson(bytes: ByteSource) {
  const { name, size } = bytes;
  if (size < 8) throw new CheckpointError(`${name}: ${size} bytes is too short for a safetensors file`);
  const headerLength = new DataView(bytes.read(0, 8).buffer).getBigUint64(0, true);
  const limit = Math.min(MAX_HEADER_BYTES, size - 8);
  if (headerLength > limit) {
    throw new CheckpointError(`${name}: header length ${headerLength} exceeds ${limit} (truncated or not safetensors)`);
  }
  const text = new TextDecoder("utf-8", { fatal: true });
  try {
    const json = text.decode(bytes.read(8, Number(headerLength)));
    return { header: parseWithoutDuplicates(json), dataStart: 8 + Number(headerLength) };
  } catch (cause) {
    throw new CheckpointError(`${name}: header is not valid JSON: ${brief((cause as Error).message)}`, { cause });
  }
}

/** Shortens text from a file, which may be megabytes long, for an error. */
function brief(text: string | undefined): string {
  return text === undefined || text.length <= 200 ? String(text) : `${text.slice(0, 200)}…`;
}

/** JSON.parse keeps the last of two equal keys. Two tensors with one name are an attack or a bug, so the names are counted. */
function parseWithoutDuplicates(json: string): Record<string, unknown> {
  const value = JSON.parse(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("expected an object");
  const names = new Set<string>();
  for (const key of topLevelKeys(json)) {
    if (names.has(key)) throw new Error(`duplicate key "${brief(key)}"`);
    names.add(key);
  }
  return value;
}

/** The keys of the outermost object in valid JSON text, in order, duplicates included. */
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

/** The end of the string that starts at `at`, after its closing quote. A regular expression overflows the stack on megabytes. */
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

/** The text values of the metadata. Metadata does not describe tensors, so other values are ignored, not refused. */
function stringsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== "object" || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => typeof value === "string"));
}

function parseEntry(name: string, value: unknown, dataStart: number, fileSize: number, path: string): TensorEntry {
  const fail = (what: string) => new CheckpointError(`${path}: tensor "${brief(name)}": ${what}`);
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype === "string" && MICROSCALED.test(dtype)) {
    throw fail(`dtype ${dtype} is of MXFP8, MXFP4 or NVFP4 weights; use the bf16, fp8 or GGUF file of the same model`);
  }
  if (typeof dtype !== "string" || !Object.hasOwn(BYTES_PER_ELEMENT, dtype)) {
    throw fail(`dtype ${brief(JSON.stringify(dtype))} is not one of ${Object.keys(BYTES_PER_ELEMENT).join(", ")}`);
  }
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw fail(`shape ${brief(JSON.stringify(shape))} is not a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fail(`data_offsets ${brief(JSON.stringify(offsets))} are not two byte positions`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || dataStart + end > fileSize) {
    throw fail(`bytes ${begin}…${end} are outside the ${fileSize - dataStart} bytes of data`);
  }
  const elements = shape.reduce((product: number, size: number) => product * size, 1);
  const expected = elements * BYTES_PER_ELEMENT[dtype as StoredType];
  if (end - begin !== expected)
    throw fail(`${dtype} of shape [${brief(String(shape))}] needs ${expected} bytes, has ${end - begin}`);
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
      throw new CheckpointError(`${path}: tensors "${brief(previousName)}" and "${brief(name)}" overlap`);
    }
  }
}

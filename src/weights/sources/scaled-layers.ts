import { z } from "zod";
import { CheckpointError } from "../checkpoint-file.ts";
import { decodeFloats } from "../decode-floats.ts";
import { rotateGroups } from "../rotation.ts";
import { bytesPerElement, type SafetensorsHeader, type StoredType, type TensorEntry } from "../safetensors.ts";
import type { ByteSource } from "./byte-source.ts";
import { decodeInUnits, elementsOf, type SourceTensor } from "./tensor-source.ts";

/** Scale and rotation of a layer's stored values. */
export interface LayerScale {
  /** One for the whole matrix, or one for each row. */
  readonly scales: Float32Array;
  /** Input features in a rotated group; 1 without rotation. */
  readonly rotation: number;
}

const layerNote = z.looseObject({
  format: z.string(),
  convrot: z.boolean().default(false),
  convrot_groupsize: z.int().default(256),
});
type LayerNote = z.output<typeof layerNote>;

const fileNote = z.looseObject({ layers: z.record(z.string(), layerNote).default({}) });

/** ComfyUI's names of formats, and the types of their values in the file. */
const FORMATS: Readonly<Record<string, StoredType>> = {
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  int8_tensorwise: "I8",
};

/** Largest note that is read, in bytes. */
const MAX_NOTE = 10_000;

/**
 * The scales of a file's quantised layers, by the name of their matrix, in both of ComfyUI's layouts:
 *
 * - old: a tensor `scaled_fp8` marks the file; `L.scale_weight` is beside `L.weight`.
 * - new: `L.weight_scale` is beside `L.weight`; a note in `L.comfy_quant` or in the metadata names the format.
 *
 * Source: comfy/utils.py `convert_old_quants`, comfy/quant_ops.py.
 * @throws CheckpointError naming the layer, and its format if it is not supported
 */
export function layerScales(bytes: ByteSource, { tensors, metadata }: SafetensorsHeader): Map<string, LayerScale> {
  const notes = readNotes(bytes, tensors, metadata);
  const scales = new Map<string, LayerScale>();
  for (const [layer, note] of notes) {
    const weight = tensors.get(`${layer}.weight`);
    if (!weight) throw new CheckpointError(`${bytes.name}: layer "${layer}" has a note on its format, but no weight`);
    const type = FORMATS[note.format];
    if (!type) {
      throw new CheckpointError(
        `${bytes.name}: layer "${layer}" is stored as ${note.format}, which is not supported; use the bf16, fp8 or GGUF file of the same model`,
      );
    }
    if (weight.dtype !== type) {
      throw new CheckpointError(
        `${bytes.name}: layer "${layer}" is ${weight.dtype}, its note says ${note.format} (${type})`,
      );
    }
  }
  for (const [name, weight] of tensors) {
    if (!name.endsWith(".weight")) continue;
    const layer = name.slice(0, -".weight".length);
    const scale = tensors.get(`${layer}.weight_scale`) ?? tensors.get(`${layer}.scale_weight`);
    if (!scale) {
      if (weight.dtype !== "I8" && !notes.has(layer)) continue;
      throw new CheckpointError(`${bytes.name}: layer "${layer}" is ${weight.dtype} and has no weight_scale`);
    }
    scales.set(name, {
      scales: readScales(bytes, layer, weight, scale),
      rotation: rotationOf(bytes, layer, weight, notes.get(layer)),
    });
  }
  return scales;
}

/** True for a tensor that only describes how others are stored. */
export function isCompanion(name: string, tensors: ReadonlyMap<string, TensorEntry>): boolean {
  if (/(^|\.)scaled_fp8$|\.comfy_quant$|\.comfy_attention\.config$/.test(name)) return true;
  const [, layer] = /^(.*)\.(?:scale_weight|scale_input|weight_scale|input_scale)$/.exec(name) ?? [];
  return layer !== undefined && tensors.has(`${layer}.weight`);
}

function readNotes(
  bytes: ByteSource,
  tensors: ReadonlyMap<string, TensorEntry>,
  metadata: SafetensorsHeader["metadata"],
) {
  const notes = new Map<string, LayerNote>();
  const parse = <T>(text: string, schema: z.ZodType<T>, where: string): T => {
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new CheckpointError(`${bytes.name}: ${where} is not a note on formats`, { cause });
    }
  };
  const ofFile = metadata._quantization_metadata;
  if (ofFile !== undefined) {
    for (const [layer, note] of Object.entries(parse(ofFile, fileNote, "_quantization_metadata").layers))
      notes.set(layer, note);
  }
  for (const [name, { dtype, offset, byteLength }] of tensors) {
    if (!name.endsWith(".comfy_quant")) continue;
    if (dtype !== "U8" || byteLength > MAX_NOTE)
      throw new CheckpointError(`${bytes.name}: "${name}" is not a note on formats`);
    const text = new TextDecoder().decode(bytes.read(offset, byteLength));
    notes.set(name.slice(0, -".comfy_quant".length), parse(text, layerNote, `"${name}"`));
  }
  return notes;
}

/** @throws CheckpointError when a scale is not finite, or their number is neither one nor that of the matrix's rows */
function readScales(bytes: ByteSource, layer: string, weight: TensorEntry, scale: TensorEntry): Float32Array {
  const fail = (what: string) => new CheckpointError(`${bytes.name}: the scale of layer "${layer}" ${what}`);
  const count = elementsOf(scale.shape);
  if (count !== 1 && count !== weight.shape[0])
    throw fail(`has shape [${scale.shape}], for a weight of [${weight.shape}]`);
  const values = decodeFloats(bytes.read(scale.offset, scale.byteLength), scale.dtype);
  if (!values) throw fail(`is ${scale.dtype}`);
  const odd = values.find((value) => !Number.isFinite(value));
  if (odd !== undefined) throw fail(`is ${odd}`);
  return values;
}

function rotationOf(bytes: ByteSource, layer: string, weight: TensorEntry, note: LayerNote | undefined): number {
  if (!note?.convrot) return 1;
  const group = note.convrot_groupsize;
  const width = weight.shape[1];
  if (![4, 16, 64, 256].includes(group) || weight.dtype !== "I8" || width === undefined || width % group !== 0) {
    throw new CheckpointError(
      `${bytes.name}: layer "${layer}", ${weight.dtype} [${weight.shape}], is rotated in groups of ${group}; supported are int8 in groups of 4, 16, 64 and 256`,
    );
  }
  return group;
}

/** A matrix in fp8 or int8 with one scale for all of it, or one for each row. */
export function scaledTensor(bytes: ByteSource, entry: TensorEntry, scale: LayerScale): SourceTensor {
  const { shape, byteLength, offset, dtype } = entry;
  const { scales, rotation } = scale;
  const [rows = 1] = shape;
  const width = elementsOf(shape) / rows;
  const size = bytesPerElement(dtype);
  const read = (start: number, count: number) => bytes.read(offset + start * size, count * size);
  const decodeRows = (start: number, count: number) => {
    const raw = read(start, count);
    // Codes are integers: rotating them is exact, so only the scale rounds.
    const values = dtype === "I8" ? Float32Array.from(new Int8Array(raw.buffer)) : decodeFloats(raw, dtype)!;
    if (rotation > 1) rotateGroups(values, rotation);
    for (let row = 0; row < count / width; row++) {
      const factor = scales[scales.length === 1 ? 0 : start / width + row]!;
      for (let i = row * width; i < (row + 1) * width; i++) values[i]! *= factor;
    }
    return values;
  };
  return {
    shape,
    byteLength,
    stored: `${dtype} with ${scales.length === 1 ? "a scale" : "a scale for each row"}${rotation > 1 ? `, rotated by ${rotation}` : ""}`,
    decode: (start, count) => decodeInUnits(width, start, count, decodeRows),
    int8:
      dtype === "I8" && shape.length === 2
        ? {
            rotation,
            codes: (first, count) => new Int8Array(read(first * width, count * width).buffer),
            scales: () => (scales.length === 1 ? new Float32Array(rows).fill(scales[0]!) : scales),
          }
        : undefined,
  };
}

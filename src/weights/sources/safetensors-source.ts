import { CheckpointError } from "../checkpoint-file.ts";
import { decodeFloats } from "../decode-floats.ts";
import { bytesPerElement, parseSafetensors, type SafetensorsHeader, type TensorEntry } from "../safetensors.ts";
import { STORED_FORMS } from "../stored-form.ts";
import type { ByteSource } from "./byte-source.ts";
import { isCompanion, layerScales, scaledTensor } from "./scaled-layers.ts";
import type { SourceTensor, TensorSource } from "./tensor-source.ts";

/** Unsupported packings of the same tensors, by the end of a tensor's name. */
const FOREIGN_PACKINGS: readonly [end: RegExp, what: string][] = [
  [
    /\.(qweight|wscales|smooth_factor|proj_down)$/,
    "packed for GPUs by Nunchaku (SVDQuant), AWQ or GPTQ; use the GGUF or the fp8 file of the same model",
  ],
  [
    /\.weight\.(absmax|quant_map|quant_state\..*)$/,
    "packed by bitsandbytes; use the GGUF or the fp8 file of the same model",
  ],
  [
    /\.(weight_scale_2|weight_global_scale|weight_packed)$/,
    "packed as NVFP4 or by compressed-tensors; use the bf16, fp8 or GGUF file of the same model",
  ],
  [/\.weight\._(data|scale|qdata)$/, "packed by quanto or torchao; use the GGUF or the fp8 file of the same model"],
];

/**
 * The tensors of a safetensors file, with ComfyUI's scaled fp8 and int8 layers decoded. Values are read on request.
 * @throws CheckpointError naming the file, the tensor and the fault, or an unsupported packing
 */
export function safetensorsSource(bytes: ByteSource): TensorSource {
  const header = parseSafetensors(bytes);
  refuseForeign(header, bytes.name);
  const scales = layerScales(bytes, header);
  const tensors = new Map<string, SourceTensor>();
  for (const [name, entry] of header.tensors) {
    if (isCompanion(name, header.tensors)) continue;
    const scale = scales.get(name);
    tensors.set(name, scale ? scaledTensor(bytes, entry, scale) : plainTensor(bytes, name, entry));
  }
  return { name: bytes.name, metadata: new Map(Object.entries(header.metadata)), tensors, close: bytes.close };
}

function refuseForeign({ tensors, metadata }: SafetensorsHeader, file: string): void {
  if (STORED_FORMS in metadata)
    throw new CheckpointError(`${file} is already converted; name the folder of its checkpoint instead`);
  for (const name of tensors.keys()) {
    const foreign = FOREIGN_PACKINGS.find(([end]) => end.test(name));
    if (foreign) throw new CheckpointError(`${file} is ${foreign[1]} (it has a tensor "${name}")`);
  }
}

function plainTensor(bytes: ByteSource, name: string, { dtype, shape, offset, byteLength }: TensorEntry): SourceTensor {
  const size = bytesPerElement(dtype);
  const read = (start: number, count: number) => bytes.read(offset + start * size, count * size);
  return {
    shape,
    byteLength,
    stored: dtype,
    decode(start, count) {
      const values = decodeFloats(read(start, count), dtype);
      if (values) return values;
      throw new CheckpointError(`${bytes.name}: tensor "${name}" holds integers (${dtype}), not weights`);
    },
    plain: dtype === "F32" || dtype === "F16" || dtype === "BF16" ? { dtype, bytes: read } : undefined,
  };
}

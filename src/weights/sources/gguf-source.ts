import { CheckpointError } from "../checkpoint-file.ts";
import { decodeFloats } from "../decode-floats.ts";
import { bytesPerElement, type StoredType } from "../safetensors.ts";
import { BLOCK_TYPES, type BlockType, decodeBlocks, unpackBlocks } from "./block-types.ts";
import type { ByteSource } from "./byte-source.ts";
import { type GgufTensor, parseGguf } from "./gguf.ts";
import { decodeInUnits, type SourceTensor, type TensorSource } from "./tensor-source.ts";

/**
 * The tensors of a GGUF file. Values are read on request.
 * @throws CheckpointError naming the file and the fault
 */
export function ggufSource(bytes: ByteSource): TensorSource {
  const { tensors, metadata } = parseGguf(bytes);
  return {
    name: bytes.name,
    metadata,
    tensors: new Map([...tensors].map(([name, tensor]) => [name, sourceTensor(bytes, name, tensor)])),
    close: bytes.close,
  };
}

function sourceTensor(bytes: ByteSource, name: string, tensor: GgufTensor): SourceTensor {
  const { type, shape, byteLength } = tensor;
  const facts = { shape, byteLength, stored: type };
  const block = BLOCK_TYPES[type];
  if (block) return { ...facts, ...blockTensor(bytes, tensor, block) };
  const dtype = type as StoredType;
  const size = bytesPerElement(dtype);
  const read = (start: number, count: number) => bytes.read(tensor.offset + start * size, count * size);
  return {
    ...facts,
    decode(start, count) {
      const values = decodeFloats(read(start, count), dtype);
      if (values) return values;
      throw new CheckpointError(`${bytes.name}: tensor "${name}" holds integers (${type}), not weights`);
    },
    plain: dtype === "F32" || dtype === "F16" || dtype === "BF16" ? { dtype, bytes: read } : undefined,
  };
}

function blockTensor(bytes: ByteSource, tensor: GgufTensor, type: BlockType): Pick<SourceTensor, "decode" | "blocks"> {
  const read = (start: number, count: number) =>
    bytes.read(tensor.offset + (start / type.elements) * type.bytes, (count / type.elements) * type.bytes);
  return {
    decode: (start, count) =>
      decodeInUnits(type.elements, start, count, (from, length) => decodeBlocks(type, read(from, length))),
    blocks: { type, unpack: (start, count) => unpackBlocks(type, read(start, count)) },
  };
}

/** GGUF files as llama.cpp's and ComfyUI's converters write them, from numbers in memory. */

import { GGUF_TYPES } from "../../src/weights/sources/gguf.ts";

interface Shaped {
  /** As in torch: the last axis is the fastest. */
  readonly shape: readonly number[];
}

/** Numbers that are stored in a type, or blocks of any type as they are. */
export type GgufTensor =
  | (Shaped & { readonly values: Float32Array; readonly type: "F32" | "F16" | "Q8_0" })
  | (Shaped & { readonly blocks: Buffer; readonly type: string });

const IDS = new Map([...GGUF_TYPES].map(([id, type]) => [type, id]));
const ALIGNMENT = 32;
const BLOCK = 32;
const STRING = 8;

/** The bytes of a file. @param architecture `qwen_image`, `qwen2vl`, `clip` */
export function ggufFile(architecture: string, tensors: ReadonlyMap<string, GgufTensor>): Buffer {
  const data: Buffer[] = [];
  const infos: Buffer[] = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const { shape, type } = tensor;
    const bytes = padded("blocks" in tensor ? tensor.blocks : encoded(tensor.values, tensor.type));
    infos.push(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(IDS.get(type)!), u64(offset));
    data.push(bytes);
    offset += bytes.length;
  }
  const key = [text("general.architecture"), u32(STRING), text(architecture)];
  const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors.size), u64(1), ...key, ...infos]);
  return Buffer.concat([padded(head), ...data]);
}

function encoded(values: Float32Array, type: "F32" | "F16" | "Q8_0"): Buffer {
  if (type === "F32") return Buffer.from(values.slice().buffer);
  if (type === "F16") return Buffer.from(new Float16Array(values).buffer);
  const blocks: Buffer[] = [];
  for (let at = 0; at < values.length; at += BLOCK) {
    const block = values.subarray(at, at + BLOCK);
    const scale = new Float16Array([block.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127]);
    const codes = Int8Array.from(block, (value) => Math.round(value / (scale[0]! || 1)));
    blocks.push(Buffer.from(scale.buffer), Buffer.from(codes.buffer));
  }
  return Buffer.concat(blocks);
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & (ALIGNMENT - 1))]);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

interface Floats {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** The bytes of a safetensors file of F32 tensors. */
export function writeSafetensors(tensors: ReadonlyMap<string, Floats>): Buffer {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let at = 0;
  for (const [key, { data, dims }] of tensors) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    header[key] = { dtype: "F32", shape: dims, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

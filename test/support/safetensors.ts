type Numbers = Float32Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

const TYPES: Record<string, string> = {
  Float32Array: "F32",
  BigInt64Array: "I64",
  Int32Array: "I32",
  Int16Array: "I16",
  Int8Array: "I8",
  Uint8Array: "U8",
};

export interface StoredTensor {
  readonly data: Numbers;
  readonly dims: readonly number[];
  /** Of the bytes. Default: the array's own. */
  readonly dtype?: string;
}

/** The bytes of a safetensors file, each tensor stored in the type of its array. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata?: Readonly<Record<string, string>>,
): Buffer {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  const parts: Buffer[] = [];
  let at = 0;
  for (const [key, { data, dims, dtype = TYPES[data.constructor.name] }] of tensors) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    header[key] = { dtype, shape: dims, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    parts.push(bytes);
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

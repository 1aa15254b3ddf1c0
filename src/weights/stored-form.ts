import { z } from "zod";
import { CheckpointError } from "./checkpoint-file.ts";

/**
 * The form in which a matrix [out, in] is stored. A form that is not plain has companions: tensors in the same file, named like the matrix
 * with a suffix.
 *
 * | form | the matrix `L.weight` | companions |
 * | --- | --- | --- |
 * | plain | BF16, F16 or F32, [out, in] as in torch | – |
 * | int8 | I8 [in, out], rotated: `rot(W)[i, o] ≈ q[i, o] · scale[o]` | `L.weight_scale` F32 [out] |
 * | blocks | U8 [out, in/block, block·bits/8], even elements in low bits: `W ≈ (q − 2^(bits−1)) · scale − minimum` | `L.weight_scale`, and for blocks with a minimum `L.weight_minimum`, F32 [out, in/block] |
 *
 * ONNX Runtime's integer product reads the int8 layout in place, so that a file can be mapped. The layout of blocks is that of its
 * `MatMulNBits`. The metadata entry `stored_forms` in the header of the file has the forms: JSON, by name of the matrix.
 */
export type StoredForm = Int8Form | BlocksForm;

/** int8 codes with a scale for each output. */
export interface Int8Form {
  readonly form: "int8";
  /** Input features in a rotated group (`rotation.ts`); 1 without rotation. */
  readonly rotation: number;
}

/** Blocks of codes with a scale for each block. */
export interface BlocksForm {
  readonly form: "blocks";
  readonly bits: 2 | 4 | 8;
  /** Input features that share a scale. */
  readonly block: number;
}

/** Metadata entry of a safetensors header that lists the matrices that are not plain. */
export const STORED_FORMS = "stored_forms";
/** Suffix of a scale's name. */
export const SCALE = "_scale";
/** Suffix of a minimum's name. */
export const MINIMUM = "_minimum";

/** Rotations are Kronecker powers of a 4 × 4 Hadamard matrix. */
const rotation = z.union([z.literal(1), z.literal(4), z.literal(16), z.literal(64), z.literal(256)]);
const block = z.union([z.literal(16), z.literal(32), z.literal(64), z.literal(128), z.literal(256)]);
const storedForms = z.record(
  z.string(),
  z.discriminatedUnion("form", [
    z.strictObject({ form: z.literal("int8"), rotation }),
    z.strictObject({ form: z.literal("blocks"), bits: z.union([z.literal(2), z.literal(4), z.literal(8)]), block }),
  ]),
);

/**
 * Reads the forms in a safetensors header; empty for a file without any.
 * @throws CheckpointError naming the file, the tensor and the fault
 */
export function readStoredForms(metadata: Readonly<Record<string, string>>, path: string): Map<string, StoredForm> {
  const text = metadata[STORED_FORMS];
  if (text === undefined) return new Map();
  const fail = (what: string) => new CheckpointError(`${path}: metadata ${STORED_FORMS}: ${what}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw fail(`not valid JSON: ${(cause as Error).message}`);
  }
  const parsed = storedForms.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fail(`${issue!.path.join(".")}: ${issue!.message}`);
  }
  return new Map(Object.entries(parsed.data));
}

/** The inverse of `readStoredForms`: metadata for the writer of a file. */
export function storedFormsMetadata(forms: ReadonlyMap<string, StoredForm>): Record<string, string> {
  return forms.size === 0 ? {} : { [STORED_FORMS]: JSON.stringify(Object.fromEntries(forms)) };
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StoredTensor, writeSafetensors } from "../../test/support/safetensors.ts";
import { type StoredForm, storedFormsMetadata } from "./stored-form.ts";
import { openWeights } from "./weights.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-forms-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function opened(tensors: Record<string, StoredTensor>, forms: Record<string, StoredForm>) {
  const metadata = storedFormsMetadata(new Map(Object.entries(forms)));
  await writeFile(join(folder, "model.safetensors"), writeSafetensors(new Map(Object.entries(tensors)), metadata));
  return openWeights(folder, "model");
}

const int8 = {
  "a.weight": { data: new Int8Array(4 * 2), dims: [4, 2] },
  "a.weight_scale": { data: new Float32Array(2), dims: [2] },
};

test("a matrix in int8 has its logical shape; its scales are part of it", async () => {
  const weights = await opened(int8, { "a.weight": { form: "int8", rotation: 4 } });
  expect(weights.names).toEqual(["a.weight"]);
  const { quantised } = weights.get("a.weight", [2, 4]);
  expect(quantised).toMatchObject({ form: "int8", rotation: 4, scale: { dtype: "F32", shape: [2] } });
});

test("a matrix in blocks has its logical shape", async () => {
  const blocks = {
    "b.weight": { data: new Uint8Array(3 * 2 * 16), dims: [3, 2, 16] },
    "b.weight_scale": { data: new Float32Array(6), dims: [3, 2] },
    "b.weight_minimum": { data: new Float32Array(6), dims: [3, 2] },
  };
  const weights = await opened(blocks, { "b.weight": { form: "blocks", bits: 4, block: 32 } });
  expect(weights.names).toEqual(["b.weight"]);
  const { quantised } = weights.get("b.weight", [3, 64]);
  expect(quantised).toMatchObject({ form: "blocks", bits: 4, block: 32, minimum: { shape: [3, 2] } });
});

test.each([
  [
    "a scale is missing",
    { "a.weight": int8["a.weight"] },
    { form: "int8", rotation: 4 },
    /a\.weight_scale" is missing/,
  ],
  ["groups do not fit", int8, { form: "int8", rotation: 16 }, /does not fit groups of 16/],
  ["another type", int8, { form: "blocks", bits: 4, block: 32 }, /is I8, its form needs U8/],
  ["no such form", int8, { form: "int8", rotation: 5 }, /stored_forms: a\.weight\.rotation/],
] as const)("%s: refused by name", async (_, tensors, form, message) => {
  await expect(opened(tensors, { "a.weight": form as StoredForm })).rejects.toThrow(message);
});

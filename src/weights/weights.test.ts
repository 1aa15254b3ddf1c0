import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../test/support/safetensors.ts";
import { openWeights } from "./weights.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-weights-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A file with the one tensor `a`, of one number. */
const file = (name: string) =>
  writeFile(
    join(folder, name),
    writeSafetensors(new Map([["a", { data: new Uint8Array(2), dims: [1], dtype: "F16" }]])),
  );
const index = (name: string, shard: string) =>
  writeFile(join(folder, name), JSON.stringify({ metadata: {}, weight_map: { a: shard } }));
/** The file that the tensor is read from. */
const holder = async () => basename((await openWeights(folder, "model")).find("a")!.file);

describe("the choice among several files of a component, as in diffusers", () => {
  test("an index before a single file next to it", async () => {
    await file("model.safetensors");
    await file("model-00001-of-00001.safetensors");
    await index("model.safetensors.index.json", "model-00001-of-00001.safetensors");
    expect(await holder()).toBe("model-00001-of-00001.safetensors");
  });

  test("a plain file before one of a variant", async () => {
    await file("model.fp16.safetensors");
    await file("model.safetensors");
    expect(await holder()).toBe("model.safetensors");
  });

  test("a variant if no other file exists", async () => {
    await file("model.fp16.safetensors");
    expect(await holder()).toBe("model.fp16.safetensors");
  });

  test("a variant's index before its single file", async () => {
    await file("model.fp16.safetensors");
    await file("model.fp16-00001-of-00001.safetensors");
    await index("model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors");
    expect(await holder()).toBe("model.fp16-00001-of-00001.safetensors");
  });

  test("several variants are refused by their names; those of another component do not count", async () => {
    await file("other.fp32.safetensors");
    await file("model.fp16.safetensors");
    expect(await holder()).toBe("model.fp16.safetensors");
    await file("model.bf16.safetensors");
    await expect(holder()).rejects.toThrow(
      "several variants: model.bf16.safetensors, model.fp16.safetensors; keep one",
    );
  });
});

import { expect, test } from "vitest";
import { openWeights } from "../../weights/index.ts";
import { loraLibrary } from "./library.ts";

const folder = "test/fixtures/plain/checkpoint/transformer";
const peft = { file: "test/fixtures/lora/files/peft.safetensors" };
const lokr = { file: "test/fixtures/lora/files/lokr.safetensors" };
const rule = { addedWork: 1, bytes: 2 ** 30, mostBytes: 2 ** 30 };

async function library(more: Partial<typeof rule> = {}) {
  return loraLibrary(await openWeights(folder, "diffusion_pytorch_model"), { ...rule, ...more });
}

test("adapters are kept for the next request while they take little memory", async () => {
  const loras = await library();
  const first = await loras.adaptation([peft], () => {});
  await loras.adaptation([lokr], () => {});
  expect(await loras.adaptation([peft], () => {})).toBe(first);
  expect(await loras.adaptation([{ ...peft, weight: 0.5 }], () => {})).not.toBe(first);
});

test("the least recently used are freed when memory is short, never the one in use", async () => {
  const loras = await library({ bytes: 1 });
  const first = await loras.adaptation([peft], () => {});
  expect(await loras.adaptation([peft], () => {})).toBe(first);
  await loras.adaptation([lokr], () => {});
  expect(await loras.adaptation([peft], () => {})).not.toBe(first);
});

test("deltas that must be merged and do not fit in memory are refused", async () => {
  const loras = await library({ mostBytes: 1000 });
  await expect(loras.adaptation([lokr], () => {})).rejects.toMatchObject({
    name: "ParameterError",
    parameter: "loras",
    message: expect.stringContaining("bytes of merged weights exceed 1000"),
  });
  await expect(loras.adaptation([peft], () => {})).resolves.toBeDefined();
});

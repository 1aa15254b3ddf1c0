import { beforeEach, expect, test } from "vitest";
import type { HostTensor } from "../onnx/index.ts";
import { rememberPrompts } from "./prompt.ts";

let encoded: string[];
beforeEach(() => {
  encoded = [];
});

/** Embeddings of 100 bytes. */
async function encode(prompt: string): Promise<HostTensor> {
  encoded.push(prompt);
  if (prompt === "bad" && encoded.length === 1) throw new Error("no memory");
  return { data: new Float32Array(25), dims: [1, 5, 5] };
}

test("a prompt is encoded once, even for two requests at the same time", async () => {
  const remember = rememberPrompts(encode);
  const [a, b] = await Promise.all([remember("a"), remember("a")]);
  expect(b).toBe(a);
  expect(await remember("a")).toBe(a);
  expect(encoded).toEqual(["a"]);
});

test("the least recently used are freed when memory is short", async () => {
  const remember = rememberPrompts(encode, 250);
  for (const prompt of ["a", "b", "a", "c", "a", "c", "b"]) await remember(prompt);
  expect(encoded).toEqual(["a", "b", "c", "b"]);
});

test("the newest stays, whatever its size", async () => {
  const remember = rememberPrompts(encode, 1);
  for (const prompt of ["a", "a", "b", "b", "a"]) await remember(prompt);
  expect(encoded).toEqual(["a", "b", "a"]);
});

test("a failure is not cached", async () => {
  const remember = rememberPrompts(encode);
  await expect(remember("bad")).rejects.toThrow("no memory");
  await remember("bad");
  expect(encoded).toEqual(["bad", "bad"]);
});

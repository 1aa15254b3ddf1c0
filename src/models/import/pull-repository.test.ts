import { expect, test } from "vitest";
import type { HubFile, Repository } from "../hub/index.ts";
import { bytesToPull } from "./pull-repository.ts";

const file = (path: string, size: number): HubFile => ({ path, size, checksum: { kind: "sha256", hex: path } });
const repository = (...files: HubFile[]): Repository => ({
  name: "me/model",
  revision: "main",
  files,
  fetch: () => Promise.reject(new Error("nothing is fetched")),
});

const REAL = repository(
  file("model_index.json", 1e3),
  ...Array.from({ length: 8 }, (_, i) =>
    file(`transformer/diffusion_pytorch_model-0000${i + 1}-of-00009.safetensors`, 5e9),
  ),
  file("transformer/diffusion_pytorch_model-00009-of-00009.safetensors", 0.9e9),
  ...Array.from({ length: 4 }, (_, i) => file(`text_encoder/model-0000${i + 1}-of-00004.safetensors`, 4.1e9)),
  file("transformer/diffusion_pytorch_model.safetensors.index.json", 1e5),
  file("text_encoder/model.safetensors.index.json", 1e5),
  file("vae/diffusion_pytorch_model.safetensors", 0.25e9),
  file("vae/diffusion_pytorch_model.fp16.safetensors", 0.12e9),
  file("images/about.mp4", 9e9),
);

test("a large repository needs disk for the result and its largest shard, a small one for all files that it uses", () => {
  const all = 8 * 5e9 + 0.9e9 + 4 * 4.1e9 + 0.25e9 + 1e3 + 2e5;
  expect(bytesToPull(REAL)).toBe(Math.floor(all / 2) + 5e9);
  expect(bytesToPull(REAL, "int4")).toBeLessThan(22e9);
  expect(bytesToPull(REAL, "keep")).toBe(all);
  const small = repository(
    file("transformer/diffusion_pytorch_model.safetensors", 3e6),
    file("text_encoder/model.safetensors", 2e6),
    file("vae/diffusion_pytorch_model.safetensors", 1e6),
    file("other.safetensors", 1e9),
    file("model_index.json", 500),
  );
  expect(bytesToPull(small)).toBe(6e6 + 500);
});

import { expect, test } from "vitest";
import { filesOfCheckpoint, filesOfControlNet } from "./used-files.ts";

const listing = (paths: readonly string[]) => ({
  name: "me/model",
  files: paths.map((path) => ({ path, size: 1, checksum: { kind: "sha256" as const, hex: path } })),
});
const checkpoint = (...paths: string[]) => filesOfCheckpoint(listing(paths)).map(({ path }) => path);
const controlNet = (...paths: string[]) => filesOfControlNet(listing(paths)).map(({ path }) => path);

const REST = ["text_encoder/config.json", "text_encoder/model.safetensors", "vae/config.json"];
const VAE = "vae/diffusion_pytorch_model.safetensors";
const NET = "transformer/diffusion_pytorch_model";

test("files outside the components, in folders below them and of other variants stay away", () => {
  const used = [
    "model_index.json",
    "card.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "scheduler/scheduler_config.json",
    "processor/chat_template.jinja",
    "transformer/config.json",
    `${NET}.safetensors`,
    ...REST,
    VAE,
  ];
  const unused = [
    "README.md",
    "config.json",
    "all-in-one.safetensors",
    "comfy/transformer.safetensors",
    "transformer/old/config.json",
    `${NET}.fp16.safetensors`,
    "transformer/other.safetensors",
    "text_encoder/generation_config.json",
    "tokenizer/about.md",
  ];
  expect(checkpoint(...unused, ...used).sort()).toEqual(used.sort());
});

test.each([
  [".safetensors.index.json", ["-00001-of-00002.safetensors", "-00002-of-00002.safetensors"]],
  [".safetensors.index.fp16.json", [".fp16-00001-of-00002.safetensors", ".fp16-00002-of-00002.safetensors"]],
  [".safetensors.index.fp16.json", ["-00001-of-00002.fp16.safetensors", "-00002-of-00002.fp16.safetensors"]],
])("an index %s and its shards %j belong together", (index, shards) => {
  const used = [index, ...shards].map((end) => `${NET}${end}`);
  const leftover = `${NET}.bf16-00001-of-00002.safetensors`;
  expect(
    checkpoint(...REST, VAE, ...used, leftover)
      .filter((path) => path.startsWith(NET))
      .sort(),
  ).toEqual(used.sort());
});

test("a component without weights is refused by its place", () => {
  expect(() => checkpoint(...REST, `${NET}.safetensors`)).toThrow(`me/model/${VAE} is missing`);
});

test("of a ControlNet its config and weights are used", () => {
  const used = ["config.json", "diffusion_pytorch_model.safetensors"];
  const unused = ["conds/pose.json", "extras/x.safetensors", "diffusion_pytorch_model.fp16.safetensors"];
  expect(controlNet(...unused, ...used)).toEqual(used);
});

import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";

const HALF = resolve("test/fixtures/half/checkpoint");
const FORMATS = resolve("test/fixtures/formats");

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-add-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const env = () => ({ INKSTONE_MODELS_DIR: join(cwd, "models") });
const run = (...args: string[]) => inkstone(args, { cwd, env: env() });
const add = (...args: string[]) => run("models", "add", ...args);
/** What is in the models directory, hidden folders too. */
const left = async () => (await readdir(join(cwd, "models")).catch(() => [])).filter((name) => name !== ".parts");
const parts = async () => (await readdir(join(cwd, "models/.parts")).catch(() => [])).sort();

async function draw(model: string): Promise<Buffer> {
  const size = ["--width", "128", "--height", "128", "--steps", "2", "--seed", "7"];
  const { code, err } = await run("generate", "a fox", "--model", model, ...size, "--out", "fox.png");
  expect(code, err).toBe(0);
  const png = await readFile(join(cwd, "fox.png"));
  await rm(join(cwd, "fox.png"));
  return png;
}

describe("a transformer file is completed from another checkpoint", () => {
  test.each([
    "transformer.gguf",
    "fp8.safetensors",
    "fp8-scaled.safetensors",
    "fp8-mixed.safetensors",
    "int8-convrot.safetensors",
  ])("%s generates, unchanged and in fewer bits", async (file) => {
    for (const weights of ["keep", "int8", "int4"]) {
      const air = `me:${weights}@1`;
      const { code, out, err } = await add(join(FORMATS, file), "--base", HALF, "--weights", weights, "--air", air);
      expect([code, err.match(/Error.*/)?.[0]], err).toEqual([0, undefined]);
      expect(out).toContain(`${air}\n`);
      expect((await draw(air)).length).toBeGreaterThan(1000);
    }
    expect((await left()).sort()).toEqual(["me+int4@1", "me+int8@1", "me+keep@1"]);
  });

  test("a text encoder of llama.cpp next to it; components are shared, and deleted with the last checkpoint", async () => {
    const files = [
      join(FORMATS, "transformer.gguf"),
      "--text-encoder",
      join(FORMATS, "text-encoder.gguf"),
      "--base",
      HALF,
    ];
    for (const air of ["me:a@1", "me:b@1"]) expect((await add(...files, "--air", air)).code).toBe(0);
    expect((await parts()).map((name) => name.split("-")[0])).toEqual(["text_encoder", "transformer"]);
    await draw("me:b@1");
    expect((await run("models", "remove", "me:a@1")).out).toBe(
      "removed me:a@1; with what was converted for it alone (0 of its components)\n",
    );
    await draw("me:b@1");
    expect((await run("models", "remove", "me:b@1")).out).toContain("(2 of its components)");
    expect([await parts(), await left()]).toEqual([[], []]);
  });

  test("rounds the text encoder of the base too; a kept one is linked", async () => {
    const file = join(FORMATS, "fp8.safetensors");
    for (const weights of ["keep", "int8"])
      expect((await add(file, "--base", HALF, "--weights", weights, "--air", `me:${weights}@1`)).code).toBe(0);
    const ofForm = (form: string) => async () => (await parts()).filter((name) => name.includes(form)).length;
    expect([await ofForm("-keep-")(), await ofForm("-int8-")()]).toEqual([1, 2]);
    expect(await readlink(join(cwd, "models/me+keep@1/checkpoint/text_encoder"))).toBe(join(HALF, "text_encoder"));
    await draw("me:int8@1");
  });

  test("another checkpoint by its AIR", async () => {
    await add(HALF, "--air", "me:half@1");
    expect((await add(join(FORMATS, "fp8.safetensors"), "--base", "me:half@1", "--air", "me:a@1")).code).toBe(0);
    await draw("me:a@1");
  });
});

describe("a folder in diffusers layout", () => {
  test("stays in place, or is converted", async () => {
    expect((await add(HALF, "--air", "me:a@1")).out).toContain(`\n  ${HALF}\n`);
    expect(await parts()).toEqual([]);
    const card = { air: "their:half@1", name: "Half a checkpoint", defaults: { steps: 7 } };
    const theirs = join(cwd, "theirs");
    await cp(HALF, theirs, { recursive: true });
    await writeFile(join(theirs, "card.json"), JSON.stringify(card));
    const { code, out } = await add(theirs, "--air", "me:b@1", "--weights", "int8");
    expect([code, out.includes(theirs)]).toEqual([0, false]);
    expect(out).toMatch(/^me:b@1\n {2}Half a checkpoint, installed\n {2}defaults: 1024×1024, 7 steps/);
    await draw("me:b@1");
    expect((await add(join(cwd, "models/me+b@1/checkpoint"), "--air", "me:c@1", "--weights", "int4")).err).toContain(
      "is already converted",
    );
  });

  test("is found in the hub's cache, where its files are links to blobs; as a base too", async () => {
    const root = join(cwd, "models--me--half");
    const snapshot = join(root, "snapshots/0123abcd");
    await cp(HALF, snapshot, { recursive: true });
    await mkdir(join(root, "blobs"));
    for (const [i, path] of (await readdir(snapshot, { recursive: true })).entries()) {
      const place = join(snapshot, path);
      if ((await stat(place)).isDirectory()) continue;
      await rename(place, join(root, "blobs", `${i}`));
      await symlink(relative(dirname(place), join(root, "blobs", `${i}`)), place);
    }
    expect((await add(root, "--air", "me:a@1")).out).toContain(snapshot);
    await draw("me:a@1");
    expect((await add(join(FORMATS, "fp8.safetensors"), "--base", root, "--air", "me:b@1")).code).toBe(0);
    await draw("me:b@1");
  });

  test("added twice, it is refused with the ways out, and nothing is converted", async () => {
    expect((await add(HALF)).out).toMatch(/^runware:108@1\n/);
    const { code, err } = await add(HALF, "--weights", "int8");
    expect([code, err]).toEqual([
      2,
      `runware:108@1 is already installed: ${HALF}. Choose another name with --air, or remove it first: inkstone models remove runware:108@1`,
    ]);
    expect(await parts()).toEqual([]);
  });
});

describe("unusable files are refused, and nothing of them stays", () => {
  const half =
    (...without: string[]) =>
    async () => {
      const folder = join(cwd, "half");
      await cp(HALF, folder, { recursive: true });
      for (const path of without) await rm(join(folder, path), { recursive: true });
      return [folder];
    };
  const with_ = (path: string, content: string | Uint8Array) => async () => {
    const [folder] = await half()();
    await writeFile(join(folder!, path), content);
    return [folder!];
  };
  const file = (name: string, content: string | Uint8Array) => async () => {
    await writeFile(join(cwd, name), content);
    return [join(cwd, name), "--base", HALF];
  };
  const cut = (name: string, bytes: number) => async () =>
    file(name, (await readFile(join(FORMATS, name))).subarray(0, bytes))();
  const WEIGHTS = "transformer/diffusion_pytorch_model.safetensors";
  const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 40000000000\n";

  test.each<[string, () => Promise<string[]>, RegExp]>([
    ["a folder of LFS pointers", with_(WEIGHTS, lfs), /a Git LFS pointer, not the weights: run `git lfs pull`/],
    ["a folder with a page for weights", with_(WEIGHTS, "<!DOCTYPE html>"), /an HTML page/],
    [
      "a folder with a pickle for weights",
      with_(WEIGHTS, Buffer.from([0x80, 2, 0, 0, 0, 0, 0, 0, 0])),
      /a Python pickle/,
    ],
    ["a folder without VAE weights", half("vae/diffusion_pytorch_model.safetensors"), /vae.*is missing/],
    ["a folder without a tokenizer", half("tokenizer"), /tokenizer/],
    ["a folder without a text encoder", half("text_encoder"), /text_encoder.*is missing/],
    [
      "a Flux folder",
      with_("model_index.json", '{"_class_name":"FluxPipeline"}'),
      /FluxPipeline is not a Qwen-Image pipeline/,
    ],
    [
      "a layered one",
      with_("model_index.json", '{"_class_name":"QwenImageLayeredPipeline"}'),
      /splits an image into layers/,
    ],
    ["a folder that is none", async () => [cwd], /neither a checkpoint in diffusers layout .* nor a file of weights/],
    ["an LFS pointer", file("model.gguf", lfs), /a Git LFS pointer/],
    ["a ZIP archive", file("model.safetensors", "PK\u0003\u0004................"), /a ZIP archive/],
    ["what is not there", async () => [join(cwd, "none.gguf")], /the file does not exist/],
    ["a GGUF file without its end", cut("transformer.gguf", 60_000), /are not in the file's 60000 \(truncated\?\)/],
    ["a safetensors file without its end", cut("fp8.safetensors", 50_000), /are outside/],
    ["only a text encoder", async () => [join(FORMATS, "text-encoder.gguf"), "--base", HALF], /holds no transformer/],
    [
      "nothing to take the rest from",
      async () => [join(FORMATS, "transformer.gguf")],
      /lacks the text encoder .* and the VAE .* and the tokenizer; --base/,
    ],
    [
      "two transformers",
      async () => [join(FORMATS, "transformer.gguf"), join(FORMATS, "fp8.safetensors"), "--base", HALF],
      /both hold a transformer/,
    ],
    [
      "a text encoder for a VAE",
      async () => [join(FORMATS, "transformer.gguf"), "--vae", join(FORMATS, "text-encoder.gguf"), "--base", HALF],
      /holds no VAE/,
    ],
    [
      "another checkpoint's sizes",
      async () => [join(FORMATS, "transformer.gguf"), "--base", resolve("test/fixtures/plain/checkpoint")],
      /./,
    ],
    [
      "a base that is none",
      async () => [join(FORMATS, "transformer.gguf"), "--base", cwd],
      /--base is .* which has no model_index.json/,
    ],
    [
      "a tokenizer of another vocabulary",
      async () => {
        const config = JSON.parse(await readFile(join(HALF, "text_encoder/config.json"), "utf8"));
        config.text_config.vocab_size = 400;
        const [base] = await with_("text_encoder/config.json", JSON.stringify(config))();
        const text = join(FORMATS, "text-encoder.gguf");
        return [join(FORMATS, "transformer.gguf"), "--text-encoder", text, "--base", base!];
      },
      /text-encoder\.gguf has a vocabulary of 346 tokens, the tokenizer of --base .*half is for 400\. Name a base/,
    ],
    [
      "a component's folder",
      async () => [join(HALF, "transformer")],
      /neither a checkpoint .*\. It is part of a checkpoint; name .*half\/checkpoint/,
    ],
    ["a folder of files", async () => [FORMATS], /\. Name what is inside it: blocks\.gguf, codes\.safetensors, /],
    [
      "the hub's whole cache",
      async () => {
        await mkdir(join(cwd, "hub/models--Qwen--Qwen-Image"), { recursive: true });
        return [join(cwd, "hub")];
      },
      /\. Name what is inside it: models--Qwen--Qwen-Image/,
    ],
    [
      "an editing member without a vision tower",
      async () => [
        join(FORMATS, "transformer.gguf"),
        "--text-encoder",
        join(FORMATS, "text-encoder.gguf"),
        "--base",
        HALF,
        "--member",
        "edit",
      ],
      /visual/,
    ],
    [
      "checkpoint flags of a LoRA",
      async () => [join(FORMATS, "fp8.safetensors"), "--kind", "lora", "--air", "me:l@1", "--weights", "int8"],
      /--weights is not allowed with --kind lora/,
    ],
  ])("%s", async (_, prepare, message) => {
    const { code, out, err } = await add(...(await prepare()));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect([await left(), await parts()]).toEqual([[], []]);
  });

  test("numbers that are not finite, before and after conversion has begun", async () => {
    const bytes = await readFile(join(FORMATS, "transformer.gguf"));
    const nan = Buffer.from([0x00, 0x7e]); // a binary16 NaN
    for (let at = bytes.length - 30_000; at < bytes.length - 100; at += 34) nan.copy(bytes, at);
    await mkdir(join(cwd, "x"));
    await writeFile(join(cwd, "x/model.gguf"), bytes);
    const { code, err } = await add(join(cwd, "x/model.gguf"), "--base", HALF, "--weights", "int8");
    expect([code, err]).toEqual([2, expect.stringMatching(/tensor ".*" holds numbers that are not finite/)]);
    expect([await left(), await parts()]).toEqual([[], []]);
  });
});

test("Ctrl-C ends a conversion; the next run continues it", async () => {
  const stop = new AbortController();
  const args = [
    "models",
    "add",
    join(FORMATS, "fp8.safetensors"),
    "--base",
    HALF,
    "--weights",
    "int8",
    "--air",
    "me:a@1",
  ];
  const stopped = await inkstone(args, {
    cwd,
    env: env(),
    signal: stop.signal,
    onStderr: (text) => text.startsWith("converting text encoder") && stop.abort(new Error("stop")),
  });
  expect(stopped.code).toBe(1);
  expect(await left()).toEqual([]);
  expect((await parts()).map((name) => name.split("-")[0])).toEqual(["transformer"]);
  const { code, err } = await inkstone(args, { cwd, env: env() });
  expect([code, err]).toEqual([0, expect.stringMatching(/^converting text encoder/)]);
  expect(err).not.toContain("converting transformer");
  await draw("me:a@1");
});

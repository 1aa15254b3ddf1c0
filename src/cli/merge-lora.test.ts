/** `--merge` of `models add` and `models pull`: LoRAs that become part of a checkpoint's weights. */

import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { startHub } from "../../test/stand-ins/hub.ts";
import { filesIn } from "../../test/support/files-in.ts";
import { type StoredTensor, writeSafetensors } from "../../test/support/safetensors.ts";
import { decodeImage } from "../pictures/index.ts";
import { openWeights, tensorReader } from "../weights/index.ts";

const PLAIN = resolve("test/fixtures/plain/checkpoint");
const lora = (name: string) => resolve(`test/fixtures/lora/files/${name}.safetensors`);

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-merge-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const run = (...args: string[]) => inkstone(args, { cwd, env: { INKSTONE_MODELS_DIR: join(cwd, "models") } });

async function add(...args: string[]): Promise<void> {
  const { code, err } = await run("models", "add", ...args);
  expect(code, err).toBe(0);
}

async function draw(model: string, ...more: string[]): Promise<Uint8Array> {
  const size = ["--width", "128", "--height", "128", "--steps", "3", "--cfg", "4", "--seed", "7"];
  const { code, err } = await run("generate", "a fox", "--model", model, ...size, ...more, "--out", "fox.png");
  expect(code, err).toBe(0);
  const { pixels } = await decodeImage(await readFile(join(cwd, "fox.png")));
  await rm(join(cwd, "fox.png"));
  return pixels;
}

type Files = Record<string, Buffer>;

/** The transformer's tensors dealt into two files with an index. */
async function inShards(files: Files): Promise<Files> {
  const stem = "diffusion_pytorch_model";
  const { [`transformer/${stem}.safetensors`]: _, ...rest } = files;
  const weights = await openWeights(join(PLAIN, "transformer"), stem);
  const reader = tensorReader();
  const shards = [new Map<string, StoredTensor>(), new Map<string, StoredTensor>()];
  const holders: Record<string, string> = {};
  const shardName = (i: number) => `${stem}-0000${i + 1}-of-00002.safetensors`;
  for (const [i, name] of weights.names.entries()) {
    const weight = weights.find(name)!;
    shards[i % 2]!.set(name, { data: reader.read(weight), dims: weight.shape });
    holders[name] = shardName(i % 2);
  }
  reader.close();
  const index = { metadata: {}, weight_map: holders };
  return {
    ...rest,
    [`transformer/${stem}.safetensors.index.json`]: Buffer.from(JSON.stringify(index)),
    ...Object.fromEntries(
      shards.map((tensors, i) => [`transformer/${shardName(i)}`, Buffer.from(writeSafetensors(tensors))]),
    ),
  };
}

/** The largest difference of two pictures, in levels of 255. */
const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
/** Peak signal-to-noise ratio in dB. */
const psnr = (a: Uint8Array, b: Uint8Array) =>
  10 * Math.log10(255 ** 2 / (a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length));

describe("a merged LoRA", () => {
  test("generates what the LoRA generates, as part of the checkpoint; the original checkpoint stays", async () => {
    await add(lora("peft"), "--kind", "lora", "--air", "me:peft@1");
    await add(PLAIN, "--air", "me:plain@1");
    await add(PLAIN, "--air", "me:merged@1", "--merge", "me:peft@1=0.7");
    const plain = await draw("me:plain@1");
    const beside = await draw("me:plain@1", "--lora", "me:peft@1=0.7");
    const merged = await draw("me:merged@1");
    expect(difference(beside, plain)).toBeGreaterThan(20);
    expect(difference(merged, beside)).toBeLessThanOrEqual(1);
    await add(PLAIN, "--air", "me:other@1", "--merge", "me:peft@1=-0.7");
    expect(difference(await draw("me:other@1"), merged)).toBeGreaterThan(20);
  });

  test("several LoRAs of any kind add up before the weights are rounded", async () => {
    for (const name of ["kohya", "dora-rows"]) await add(lora(name), "--kind", "lora", "--air", `me:${name}@1`);
    const both = ["--merge", "me:kohya@1=0.5", "--merge", "me:dora-rows@1"];
    await add(PLAIN, "--air", "me:plain@1");
    await add(PLAIN, "--air", "me:keep@1", ...both);
    const beside = await draw("me:plain@1", "--lora", "me:kohya@1=0.5", "--lora", "me:dora-rows@1");
    const kept = await draw("me:keep@1");
    expect(difference(kept, beside)).toBeLessThanOrEqual(1);
    await add(PLAIN, "--air", "me:int8@1", "--weights", "int8", ...both);
    expect(psnr(await draw("me:int8@1"), kept)).toBeGreaterThan(psnr(await draw("me:plain@1"), kept) + 6);
  });

  test("a distilled LoRA gives the checkpoint its steps, guidance and noise levels", async () => {
    const file = join(cwd, "Qwen-Image-Lightning-4steps-V2.0.safetensors");
    await copyFile(lora("peft"), file);
    await add(file, "--kind", "lora", "--air", "me:fast@1");
    await add(PLAIN, "--air", "me:four@1", "--merge", "me:fast@1");
    const folder = join(cwd, "models/me+four@1");
    expect(JSON.parse(await readFile(join(folder, "card.json"), "utf8")).defaults).toMatchObject({
      steps: 4,
      CFGScale: 1,
    });
    expect(
      JSON.parse(await readFile(join(folder, "checkpoint/scheduler/scheduler_config.json"), "utf8")),
    ).toMatchObject({
      base_shift: Math.log(3),
      max_shift: Math.log(3),
      shift_terminal: null,
      _class_name: "FlowMatchEulerDiscreteScheduler",
    });
    expect(difference(await draw("me:four@1"), await draw(PLAIN, "--lora", "me:fast@1"))).toBeLessThanOrEqual(1);
  });

  test.each([
    ["in one file", "keep", (files: Files) => files],
    ["in shards, rounded", "int8", inShards],
  ] as const)("while a repository is pulled, %s: the same as with local files", async (_, weights, arranged) => {
    const hub = await startHub(await arranged(await filesIn(PLAIN)));
    onTestFinished(() => hub.close());
    await add(lora("peft"), "--kind", "lora", "--air", "me:lora@1");
    const merged = ["--merge", "me:lora@1=0.7", "--weights", weights];
    await add(PLAIN, "--air", "me:added@1", ...merged);
    const env = { INKSTONE_MODELS_DIR: join(cwd, "models"), HF_ENDPOINT: hub.url };
    const pulled = await inkstone(["models", "pull", "me/model", "--air", "me:pulled@1", ...merged], { cwd, env });
    expect(pulled.code, pulled.err).toBe(0);
    const wanted = await draw("me:added@1");
    expect(await draw("me:pulled@1")).toEqual(wanted);
    expect(difference(await draw(PLAIN), wanted)).toBeGreaterThan(20);
    // Each shard is deleted once it is converted.
    const left = await readdir(join(cwd, "models/.hub"), { recursive: true });
    expect(left.filter((path) => path.endsWith(".safetensors"))).toEqual([]);
  });

  test("while a repository is pulled: refused without a name, and if it fits no layer", async () => {
    const hub = await startHub(await filesIn(resolve("test/fixtures/odd/checkpoint")));
    onTestFinished(() => hub.close());
    await add(lora("peft"), "--kind", "lora", "--air", "me:lora@1");
    const env = { INKSTONE_MODELS_DIR: join(cwd, "models"), HF_ENDPOINT: hub.url };
    const pull = (...args: string[]) =>
      inkstone(["models", "pull", "me/model", "--merge", "me:lora@1", ...args], { cwd, env });
    expect(await pull()).toMatchObject({
      code: 2,
      err: expect.stringContaining("--air is missing, and --merge requires it"),
    });
    const other = await pull("--air", "me:pulled@1");
    expect(other).toMatchObject({
      code: 2,
      err: expect.stringMatching(/peft\.safetensors fits no layer of this checkpoint/),
    });
    expect(await readdir(join(cwd, "models"))).not.toContain("me+pulled@1");
  });
});

test.each(["dora-rows", "dora-peft", "lokr", "diff"])(
  "%s is refused on rounded weights, with the way out",
  async (name) => {
    await add(lora(name), "--kind", "lora", "--air", "me:dense@1");
    await add(PLAIN, "--air", "me:int8@1", "--weights", "int8");
    const { code, err } = await run("generate", "a fox", "--model", "me:int8@1", "--lora", "me:dense@1");
    expect([code, err]).toEqual([2, expect.stringMatching(/not low-rank.*Use a checkpoint in BF16 or F16, or merge/)]);
    await add(PLAIN, "--air", "me:merged@1", "--weights", "int8", "--merge", "me:dense@1");
    expect(difference(await draw("me:merged@1"), await draw("me:int8@1"))).toBeGreaterThan(2);
  },
);

describe("refused without leaving anything behind", () => {
  test.each([
    ["without a name", [PLAIN, "--merge", "me:peft@1"], /--air is missing, and --merge requires it/],
    ["a weight of 0", [PLAIN, "--air", "me:a@1", "--merge", "me:peft@1=0"], /--merge is "me:peft@1=0"; allowed/],
    ["a weight that is none", [PLAIN, "--air", "me:a@1", "--merge", "me:peft@1=much"], /--merge is "me:peft@1=much"/],
    ["no weight behind =", [PLAIN, "--air", "me:a@1", "--merge", "me:peft@1="], /--merge is "me:peft@1="/],
    ["too much", [PLAIN, "--air", "me:a@1", "--merge", "me:peft@1=9"], /from -4 to 4/],
    ["one that is not installed", [PLAIN, "--air", "me:a@1", "--merge", "me:none@1"], /lora is "me:none@1"; known:/],
    [
      "one of another model",
      [resolve("test/fixtures/odd/checkpoint"), "--air", "me:a@1", "--merge", "me:peft@1"],
      /peft\.safetensors fits no layer of this checkpoint/,
    ],
    [
      "of a LoRA",
      [lora("kohya"), "--kind", "lora", "--air", "me:a@1", "--merge", "me:peft@1"],
      /--merge is not allowed with --kind lora/,
    ],
  ])("%s", async (_, args, message) => {
    await add(lora("peft"), "--kind", "lora", "--air", "me:peft@1");
    const { code, out, err } = await run("models", "add", ...args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect(await readdir(join(cwd, "models"))).toEqual(["me+peft@1"]);
  });

  test("into rounded weights", async () => {
    await add(lora("peft"), "--kind", "lora", "--air", "me:peft@1");
    await add(PLAIN, "--air", "me:int8@1", "--weights", "int8");
    const { err } = await run(
      "models",
      "add",
      join(cwd, "models/me+int8@1/checkpoint"),
      "--air",
      "me:a@1",
      "--merge",
      "me:peft@1",
    );
    expect(err).toContain("is already converted; add the original files to merge into them");
  });
});

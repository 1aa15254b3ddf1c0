/** Step caches, LoRAs and ControlNets over the API: the real server and engine, on small checkpoints with random weights. */

import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { decodeImage, readMetadata } from "../../src/pictures/index.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: ContractServer;
let models: string;

async function install(card: { readonly air: string } & Record<string, unknown>): Promise<void> {
  const folder = join(models, card.air.replace(":", "+"));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "card.json"), JSON.stringify({ name: card.air, ...card }));
}

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), "inkstone-adapters-"));
  const fixture = (path: string) => resolve("test/fixtures", path);
  const lora = (name: string) => ({ kind: "lora", path: fixture(`lora/files/${name}.safetensors`) });
  await install({ air: "test:plain@1", checkpoint: fixture("plain/checkpoint") });
  await install({ air: "test:odd@1", checkpoint: fixture("odd/checkpoint") });
  await install({ air: "test:peft@1", ...lora("peft"), aliases: ["test:alias@1"] });
  await install({ air: "test:kohya@1", ...lora("kohya") });
  await install({ air: "test:union@1", kind: "controlnet", path: fixture("controlnet/union") });
  await install({ air: "test:few@1", checkpoint: fixture("plain/checkpoint"), defaults: { steps: 3 } });
  const schedule = { base_shift: 1.0986, max_shift: 1.0986, shift_terminal: null };
  await install({ air: "test:fast@1", ...lora("peft"), schedule, defaults: { steps: 2, CFGScale: 1 } });
  const text = join(models, "text.safetensors");
  await copyFile(fixture("plain/checkpoint/model_index.json"), text);
  await install({ air: "test:text@1", kind: "lora", path: text });
  server = await startContractServer({ INKSTONE_MODELS_DIR: models });
});
afterAll(async () => {
  await server?.stop();
  await rm(models, { recursive: true, force: true });
});

const ask = (model: string, changes: object) =>
  post(
    server.base,
    [inference({ model, width: 128, height: 128, steps: 6, seed: 7, outputFormat: "PNG", ...changes })],
    { key: server.key },
  );

async function fileOf({ imageURL }: { imageURL: string }): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(imageURL)).arrayBuffer());
}

/** The pixels of the only picture. */
async function draw(model: string, changes: object = {}): Promise<string> {
  const { status, body } = await ask(model, changes);
  expect([status, body.error]).toEqual([200, undefined]);
  return Buffer.from((await decodeImage(await fileOf(body.data[0]))).pixels).toString("base64");
}

async function refusal(model: string, changes: object) {
  const { status, body } = await ask(model, changes);
  return { status, ...body.error };
}

describe("step caches", () => {
  test("the reply and the image contain the number of skipped steps; without a cache they do not", async () => {
    const { body } = await ask("test:plain@1", {
      acceleratorOptions: { teaCache: true, teaCacheDistance: 1 },
      steps: 12,
    });
    const [item] = body.data;
    expect(item.skippedSteps).toBeGreaterThan(0);
    expect(await readMetadata(await fileOf(item))).toMatchObject({ skippedSteps: item.skippedSteps });
    const again = await post(server.base, [{ taskType: "getResponse", taskUUID: item.taskUUID }], { key: server.key });
    expect(again.body.data[0].skippedSteps).toBe(item.skippedSteps);
    const plain = (await ask("test:plain@1", {})).body.data[0];
    expect(plain).not.toHaveProperty("skippedSteps");
    const never = await ask("test:plain@1", { acceleratorOptions: { fbCache: true, fbCacheThreshold: 1 } });
    expect(never.body.data[0].skippedSteps).toBe(0);
  });
});

describe("LoRA", () => {
  const loras = (...list: [model: string, weight?: number, transformer?: string][]) => ({
    lora: list.map(([model, weight, transformer]) => ({ model, weight, transformer })),
  });

  test("changes the image by its weight; at 0 it changes nothing", async () => {
    const plain = await draw("test:plain@1");
    const [one, half, off] = [
      await draw("test:plain@1", loras(["test:peft@1"])),
      await draw("test:plain@1", loras(["test:peft@1", 0.5])),
      await draw("test:plain@1", loras(["test:peft@1", 0])),
    ];
    expect(new Set([plain, one, half]).size).toBe(3);
    expect(off).toBe(plain);
    expect(await draw("test:plain@1")).toBe(plain);
    expect(await draw("test:plain@1", loras(["test:alias@1"]))).toBe(one);
  });

  test("several add up, in any order; a single one gives the same as before", async () => {
    const [peft, kohya] = [
      await draw("test:plain@1", loras(["test:peft@1"])),
      await draw("test:plain@1", loras(["test:kohya@1"])),
    ];
    const both = await draw("test:plain@1", loras(["test:peft@1"], ["test:kohya@1", -1]));
    expect(new Set([peft, kohya, both]).size).toBe(3);
    expect(await draw("test:plain@1", loras(["test:peft@1"], ["test:kohya@1", 0]))).toBe(peft);
    expect(await draw("test:plain@1", loras(["test:kohya@1"]))).toBe(kohya);
  });

  test("a distilled one sets steps and guidance, as a model sets its steps; parameters of the task have precedence", async () => {
    const recorded = async (model: string, changes: object) => {
      const { body } = await ask(model, { steps: undefined, ...changes });
      const { steps, CFGScale } = (await readMetadata(await fileOf(body.data[0])))!.parameters;
      return [steps, CFGScale];
    };
    expect(await recorded("test:few@1", {})).toEqual([3, 4]);
    expect(await recorded("test:few@1", loras(["test:fast@1"]))).toEqual([2, 1]);
    expect(await recorded("test:few@1", loras(["test:fast@1", 0]))).toEqual([3, 4]);
    expect(await recorded("test:few@1", { steps: 5, CFGScale: 3, ...loras(["test:fast@1"]) })).toEqual([5, 3]);
    const [found] = (
      await post(server.base, [{ taskType: "modelSearch", taskUUID: crypto.randomUUID(), search: "test:fast@1" }], {
        key: server.key,
      })
    ).body.data[0].results;
    expect(found).toMatchObject({ defaultSteps: 2, defaultCFG: 1 });
  });

  test("high and low noise together equal both", async () => {
    const stages = ["high", "low", "both"].map((stage) => draw("test:plain@1", loras(["test:peft@1", 1, stage])));
    const [high, low, both] = await Promise.all(stages);
    expect(new Set([high, low, both]).size).toBe(3);
    expect(await draw("test:plain@1", loras(["test:peft@1", 1, "high"], ["test:peft@1", 1, "low"]))).toBe(both);
  });

  test("an unknown one is refused before any work, with the known ones", async () => {
    const error = await refusal("test:plain@1", loras(["test:peft@1"], ["test:none@1"]));
    expect(error).toMatchObject({ code: "unknownModel", parameter: "lora.1.model" });
    expect(error.allowedValues).toEqual(expect.arrayContaining(["test:peft@1", "test:alias@1", "test:kohya@1"]));
    expect(error.allowedValues).not.toContain("test:union@1");
  });

  test("a file for another model is refused with its keys, one that is not safetensors by its name", async () => {
    const misfit = await refusal("test:odd@1", loras(["test:peft@1", 0], ["test:peft@1"]));
    expect(misfit).toMatchObject({ status: 400, code: "invalidLoraModel", parameter: "lora.0.model" });
    expect(misfit.message).toMatch(
      / peft\.safetensors fits no layer .*transformer_blocks\.0\.attn\.add_k_proj\.lora_A/,
    );
    const text = await refusal("test:plain@1", loras(["test:kohya@1"], ["test:text@1"]));
    expect(text).toMatchObject({ status: 400, parameter: "lora.1.model" });
    expect(text.message).toContain(" text.safetensors");
    for (const { message } of [misfit, text]) expect(message).not.toContain(models);
  });
});

describe("ControlNet", () => {
  let guideImage: string;
  let guideURL: string;
  beforeAll(async () => {
    const [{ imageUUID, imageURL }] = (await ask("test:odd@1", { seed: 99 })).body.data;
    [guideImage, guideURL] = [imageUUID, imageURL];
  });
  const net = (changes: object = {}) => ({ controlNet: [{ model: "test:union@1", guideImage, ...changes }] });

  test("changes the image; at weight 0 it changes nothing", async () => {
    const plain = await draw("test:odd@1");
    expect(await draw("test:odd@1", net())).not.toBe(plain);
    expect(await draw("test:odd@1", net({ weight: 0 }))).toBe(plain);
  });

  test("the guide image works the same by its imageURL and its imageUUID", async () => {
    expect(await draw("test:odd@1", net({ guideImage: guideURL }))).toBe(await draw("test:odd@1", net()));
  });

  test("its window is the same in steps and in percent; adjacent windows equal the whole", async () => {
    const whole = await draw("test:odd@1", net());
    const early = await draw("test:odd@1", net({ startStep: 0, endStep: 3 }));
    expect(await draw("test:odd@1", net({ startStepPercentage: 0, endStepPercentage: 50 }))).toBe(early);
    const late = net({ startStep: 3, endStep: 6 }).controlNet;
    expect(new Set([whole, early, await draw("test:odd@1", { controlNet: late })]).size).toBe(3);
    const halves = [...net({ endStep: 3 }).controlNet, ...late];
    expect(await draw("test:odd@1", { controlNet: halves })).toBe(whole);
  });

  test("an unknown one, one for another checkpoint, and an invalid window are refused by name", async () => {
    expect(await refusal("test:odd@1", net({ model: "test:peft@1" }))).toMatchObject({
      code: "unknownModel",
      parameter: "controlNet.0.model",
      allowedValues: ["test:union@1", "inkstone:canny@1"],
    });
    expect(await refusal("test:plain@1", net())).toMatchObject({
      status: 400,
      parameter: "controlNet.0.model",
      message: expect.stringContaining("attention_head_dim is 12, the transformer's is 16"),
    });
    expect(await refusal("test:odd@1", net({ startStep: 4, endStep: 4 }))).toMatchObject({
      status: 400,
      parameter: expect.stringContaining("controlNet"),
    });
  });
});

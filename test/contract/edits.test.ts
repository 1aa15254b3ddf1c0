/** Edits over the API: every spelling that clients send, sizes, and refusals by name. */

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { Runware } from "@runware/sdk-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { addAdapter } from "../../src/models/install/index.ts";
import { decodeImage, encodeImage, readHeader, readMetadata } from "../../src/pictures/index.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server?.stop());

const picture = async (width: number, height: number) => {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
  return Buffer.from(await encodeImage({ width, height, pixels }, { format: "PNG" })).toString("base64");
};
const wide = await picture(60, 30);
const tall = await picture(31, 60);

const EDIT = "runware:108@20";
const PLUS = "alibaba:qwen-image-edit@2511";
const open = { width: undefined, height: undefined };
const ask = (changes: object) =>
  post(server.base, [inference({ steps: 2, outputFormat: "PNG", seed: 7, ...open, ...changes })], { key: server.key });
const bytesAt = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer());

test("every spelling of one edit gives the same image", async () => {
  const spellings = [
    { model: EDIT, inputs: { referenceImages: [wide] } },
    { model: EDIT, referenceImages: [wide] },
    { model: EDIT, inputs: { references: [`data:image/png;base64,${wide}`] } },
    { model: "alibaba-qwen-image-edit", referenceImages: [{ image: wide }] },
  ];
  const images = [];
  for (const spelling of spellings) {
    const { status, body } = await ask(spelling);
    expect(status).toBe(200);
    images.push(await bytesAt(body.data[0].imageURL));
  }
  for (const image of images.slice(1)) expect(image.length).toBe(images[0]!.length);
  expect(await readHeader(images[0]!)).toMatchObject({ width: 96, height: 32 });
});

test("three references; the size has the aspect of the last one, or is the requested one", async () => {
  const inputs = { referenceImages: [wide, wide, tall] };
  const left = await ask({ model: PLUS, inputs });
  expect(await readHeader(await bytesAt(left.body.data[0].imageURL))).toMatchObject({ width: 32, height: 96 });
  const given = await ask({ model: PLUS, inputs, width: 192, height: 128 });
  expect(await readHeader(await bytesAt(given.body.data[0].imageURL))).toMatchObject({ width: 192, height: 128 });
});

test("a mask, a cache and two results", async () => {
  const mask = { width: 60, height: 30, pixels: new Uint8Array(60 * 30 * 3).map((_, i) => (i % 180 < 90 ? 255 : 0)) };
  const maskImage = Buffer.from(await encodeImage(mask, { format: "PNG" })).toString("base64");
  const inputs = { referenceImages: [wide], seedImage: wide, maskImage };
  const { status, body } = await ask({ model: EDIT, inputs, numberResults: 2, acceleratorOptions: { fbCache: true } });
  expect(status).toBe(200);
  expect(body.data).toHaveLength(2);
});

test("Lightning sets steps, guidance and noise levels of an edit", async () => {
  const locations = { modelsDir: server.modelsFolder, bundledDir: join(server.folder, "none") };
  const install = async (air: string, name: string) => {
    const file = join(server.folder, name);
    await copyFile("test/fixtures/edit-plus/adapter.safetensors", file);
    await addAdapter("lora", file, { air }, locations);
  };
  await install("me:lightning@1", "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors");
  await install("me:plain@1", "style.safetensors");
  const edit = (lora: string, changes: object) =>
    ask({ model: PLUS, inputs: { referenceImages: [wide] }, lora: [{ model: lora, weight: 1 }], ...changes });
  // A running server finds what is installed within a second; on machines, the worker's next heartbeat reports it.
  await expect.poll(async () => (await edit("me:plain@1", { steps: 1 })).status).toBe(200);

  const fast = await bytesAt((await edit("me:lightning@1", { steps: undefined })).body.data[0].imageURL);
  expect((await readMetadata(fast))!.parameters).toMatchObject({ steps: 4, CFGScale: 1 });
  const slow = await bytesAt((await edit("me:plain@1", { steps: 4, CFGScale: 1 })).body.data[0].imageURL);
  expect((await decodeImage(fast)).pixels).not.toEqual((await decodeImage(slow)).pixels);
});

describe("refused", () => {
  test.each([
    ["an editing model without references", { model: EDIT }, "missingReferenceImages"],
    ["… by its slug", { model: "alibaba-qwen-image-edit" }, "missingReferenceImages"],
    ["… with one side", { model: EDIT, width: 128 }, "missingReferenceImages"],
    ["… with a size", { model: EDIT, width: 128, height: 128 }, "missingReferenceImages"],
    ["too many", { model: EDIT, inputs: { referenceImages: [wide, tall] } }, "invalidReferenceImages"],
    [
      "a model that draws from text",
      { model: "runware:108@1", inputs: { referenceImages: [wide] } },
      "unsupportedParameter",
    ],
    ["one side alone", { model: EDIT, inputs: { referenceImages: [wide] }, width: 128 }, "missingHeight"],
    ["an unknown UUID", { model: EDIT, inputs: { referenceImages: [crypto.randomUUID()] } }, "invalidReferenceImages"],
  ])("%s", async (_, changes, code) => {
    const { status, body } = await ask(changes);
    expect(status).toBe(400);
    expect(body.error.code).toBe(code);
  });
});

test("the JavaScript SDK edits", async () => {
  const client = new Runware({ apiKey: server.key, url: server.socketUrl, globalMaxRetries: 1 });
  try {
    await client.ensureConnection();
    const task = { model: PLUS, positivePrompt: "make it blue", referenceImages: [wide, tall], steps: 2, seed: 3 };
    const images = await client.imageInference({ ...task, width: 128, height: 128, numberResults: 1 } as never);
    expect(images![0]).toMatchObject({ seed: 3, imageURL: expect.any(String) });
  } finally {
    await client.disconnect();
  }
});

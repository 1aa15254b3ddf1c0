/** Images as inputs, over the API: by UUID of a result or an upload, as data URI, and refused by name. */

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { decodeImage, encodeImage, readHeader } from "../../src/pictures/index.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer({ INKSTONE_API_KEYS: "contract-key-of-some-length,another-key" });
});
afterAll(() => server?.stop());

const small = { width: 128, height: 128, steps: 4, outputFormat: "PNG", seed: 7 };
const ask = (changes: object) => post(server.base, [inference({ ...small, ...changes })], { key: server.key });
const sizeOf = async (url: string) => readHeader(new Uint8Array(await (await fetch(url)).arrayBuffer()));

test("a result is the seed image of the next task, in both spellings", async () => {
  const [first] = (await ask({})).body.data;
  const nested = await ask({ inputs: { seedImage: first.imageUUID, strength: 0.5 } });
  expect(nested.status).toBe(200);
  const flat = await ask({ seedImage: first.imageUUID, strength: 0.5, width: 192 });
  expect(await sizeOf(flat.body.data[0].imageURL)).toMatchObject({ width: 192, height: 128 });
});

test("its imageURL is an input like its imageUUID, in every parameter for an image", async () => {
  const [{ imageURL }] = (await ask({})).body.data;
  const elsewhere = imageURL.replace(server.base, "http://studio.local:80");
  const one = async (task: object) => {
    const { status, body } = await post(server.base, [{ taskUUID: crypto.randomUUID(), ...task }], { key: server.key });
    expect(status, JSON.stringify(body)).toBe(200);
    return body.data[0];
  };
  const drawn = await ask({
    inputs: { seedImage: imageURL, maskImage: elsewhere, strength: 0.5 },
    outputFormat: "JPG",
  });
  expect(drawn.status, JSON.stringify(drawn.body)).toBe(200);
  const edit = { model: "runware:108@20", positivePrompt: "blue", referenceImages: [elsewhere] };
  await one({ taskType: "imageInference", ...edit, width: 128, height: 128, steps: 2 });
  await one({ taskType: "controlNetPreprocess", inputImage: elsewhere, preProcessorType: "canny" });
  await one({ taskType: "upscale", inputs: { image: elsewhere } });
  const kept = await one({ taskType: "imageUpload", image: elsewhere });
  expect(await sizeOf(kept.imageURL)).toMatchObject({ width: 128, height: 128 });
  expect(
    await sizeOf((await one({ taskType: "mediaStorage", operation: "upload", media: elsewhere })).mediaURL),
  ).toMatchObject({ width: 128 });
});

test("an image made from an address of this server has that image among its parents", async () => {
  const [source] = (await ask({})).body.data;
  const address = source.imageURL.replace(server.base, "http://studio.local:80");
  const [made] = (await ask({ inputs: { seedImage: address, strength: 0.5 } })).body.data;
  const authorization = `Bearer ${server.key}`;
  const children = await fetch(`${server.base}/v1/pictures?parent=${source.imageUUID}`, { headers: { authorization } });
  const { data } = (await children.json()) as { data: unknown[] };
  expect(data).toMatchObject([{ imageUUID: made.imageUUID, parents: [source.imageUUID] }]);
});

test("at strength 1 nothing of the seed image remains, at 0 everything", async () => {
  const pixelsOf = async (url: string) => {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    return (await decodeImage(bytes)).pixels;
  };
  const drawn = async (changes: object) => pixelsOf((await ask(changes)).body.data[0].imageURL);
  const [first] = (await ask({ seed: 8 })).body.data;
  const from = (strength: number) => drawn({ inputs: { seedImage: first.imageUUID, strength } });
  expect(await from(1)).toEqual(await drawn({}));
  expect(await from(0)).toEqual(await pixelsOf(first.imageURL));
});

const whole = await encodeImage({ width: 64, height: 64, pixels: new Uint8Array(64 * 64 * 3) }, { format: "JPG" });
const cutShort = Buffer.from(whole.subarray(0, -30)).toString("base64");

test.each([
  ["an unknown UUID", crypto.randomUUID(), "invalidSeedImage"],
  ["an image that is none", Buffer.from("x".repeat(200)).toString("base64"), "invalidSeedImage"],
  ["an image whose end is missing", cutShort, "invalidSeedImage"],
  ["a private address", "http://127.0.0.1:9/picture.png", "downloadFailed"],
])("%s", async (_, seedImage, code) => {
  const { status, body } = await ask({ inputs: { seedImage } });
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ code, parameter: "inputs.seedImage", taskType: "imageInference" });
});

test("another key's image is unknown", async () => {
  const [first] = (await ask({})).body.data;
  const task = inference({ ...small, inputs: { seedImage: first.imageUUID } });
  const { body } = await post(server.base, [task], { key: "another-key" });
  expect(body.error).toMatchObject({ code: "invalidSeedImage" });
});

test("mediaStorage stores an image under any media type, and deletes it", async () => {
  const storage = (changes: object) =>
    post(server.base, [{ taskType: "mediaStorage", taskUUID: crypto.randomUUID(), ...changes }], { key: server.key });
  const media = `data:application/octet-stream;base64,${Buffer.from(whole).toString("base64")}`;
  const { status, body } = await storage({ operation: "upload", media });
  expect(status).toBe(200);
  const [{ mediaUUID, mediaURL }] = body.data;
  expect(await sizeOf(mediaURL)).toMatchObject({ width: 64, height: 64 });
  expect((await ask({ inputs: { seedImage: mediaUUID, strength: 0 } })).status).toBe(200);

  const deleted = await storage({ operation: "delete", media: mediaUUID.toUpperCase() });
  expect(deleted.body.data[0]).toEqual({
    taskType: "mediaStorage",
    taskUUID: expect.any(String),
    operation: "delete",
    mediaUUID,
  });
  expect((await fetch(mediaURL)).status).toBe(404);
  expect(await storage({ operation: "delete", media: mediaUUID })).toMatchObject({
    status: 404,
    body: { error: { code: "mediaNotFound", parameter: "media" } },
  });
  expect((await storage({ operation: "delete", media: mediaURL })).body.error.code).toBe("invalidMedia");
});

test("a side that is a multiple of 8 only is generated, and returned as requested", async () => {
  const [item] = (await ask({ width: 136, height: 152 })).body.data;
  expect(await sizeOf(item.imageURL)).toMatchObject({ width: 136, height: 152 });
  const again = await ask({ width: 136, height: 152, inputs: { seedImage: item.imageUUID, strength: 0 } });
  const pixels = async (url: string) =>
    (await decodeImage(new Uint8Array(await (await fetch(url)).arrayBuffer()))).pixels;
  expect(Buffer.compare(await pixels(again.body.data[0].imageURL), await pixels(item.imageURL))).toBe(0);
});

test("a watermark: an image by its address, a text; one without visible characters is refused by name", async () => {
  const pixels = async (changes: object) => {
    const { status, body } = await ask(changes);
    expect(status, JSON.stringify(body)).toBe(200);
    return decodeImage(new Uint8Array(await (await fetch(body.data[0].imageURL)).arrayBuffer()));
  };
  const drawn = await pixels({ seed: 12 });
  const differing = (other: { pixels: Uint8Array }) =>
    [...other.pixels.keys()].filter((i) => other.pixels[i] !== drawn.pixels[i]).map((i) => Math.floor(i / 3) % 128);
  const black = Buffer.from(whole).toString("base64");
  const { body } = await post(server.base, [{ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image: black }], {
    key: server.key,
  });
  const image = body.data[0].imageURL;
  const marked = await pixels({ seed: 12, advancedFeatures: { watermark: { image, displayPosition: "center-left" } } });
  expect(differing(marked).length).toBeGreaterThan(1000);
  expect(Math.max(...differing(marked))).toBeLessThan(40);
  const texted = await pixels({ seed: 12, advancedFeatures: { watermark: { text: "© ink" } } });
  expect(Math.min(...differing(texted))).toBeGreaterThan(64);
  const refused = await ask({ advancedFeatures: { watermark: { text: "    " } } });
  expect(refused.status).toBe(400);
  expect(refused.body.error).toMatchObject({
    code: "invalidWatermarkText",
    parameter: "advancedFeatures.watermark.text",
  });
});

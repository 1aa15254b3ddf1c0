/** `vectorize` over the API: the real server and its tracing process, no checkpoint. */

import { readFile } from "node:fs/promises";
import { Runware } from "@runware/sdk-js";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { crop, decodeImage, encodeImage, type RgbImage, readSvg } from "../../src/pictures/index.ts";
import { post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let server: ContractServer;
let image: string;
let sign: RgbImage;

beforeAll(async () => {
  server = await startContractServer();
  const signs = await decodeImage(await readFile("docs/images/sample.webp"));
  sign = crop(signs, { left: 0, top: 0, width: 128, height: 96 });
  image = `data:image/png;base64,${Buffer.from(await encodeImage(sign, { format: "PNG" })).toString("base64")}`;
});
afterAll(() => server?.stop());

const vectorize = (changes: object = {}) => ({
  taskType: "vectorize",
  taskUUID: crypto.randomUUID(),
  inputs: { image },
  ...changes,
});
const ask = (...tasks: object[]) => post(server.base, tasks, { key: server.key });

/** Every element of a document, by name. */
const elements = (svg: string) => [...new Set([...svg.matchAll(/<([a-z][\w:]*)/gi)].map(([, name]) => name))];

describe("over HTTP", () => {
  test("the SVG file by its address: only shapes, and headers that restrict it", async () => {
    const task = vectorize({ model: "recraft:1@1", outputFormat: "svg", includeCost: true });
    const { status, body } = await ask(task);
    expect([status, body.errors]).toEqual([200, undefined]);
    const [item] = body.data;
    expect(item).toEqual({
      taskType: "vectorize",
      taskUUID: task.taskUUID,
      imageUUID: expect.any(String),
      inputImageUUID: expect.any(String),
      imageURL: `${server.base}/images/${item.imageUUID}.svg`,
      cost: 0,
    });
    const response = await fetch(item.imageURL);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "image/svg+xml",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      "x-content-type-options": "nosniff",
    });
    const svg = Buffer.from(bytes).toString();
    const metadata = ["metadata", "x:xmpmeta", "rdf:RDF", "rdf:Description", "xmp:CreatorTool", "inkstone:parameters"];
    expect(elements(svg)).toEqual(["svg", ...metadata, "path"]);
    expect(readSvg(bytes)).toMatchObject({
      width: 128,
      height: 96,
      metadata: { parameters: { taskType: "vectorize" } },
    });
  });

  test("it looks like the input", async () => {
    const [item] = (await ask(vectorize({ outputType: "base64Data" }))).body.data;
    sharp.unblock({ operation: ["VipsForeignLoadSvgBuffer"] });
    const drawing = Buffer.from(item.imageBase64Data, "base64");
    const shown = await sharp(drawing).flatten().removeAlpha().raw().toBuffer();
    sharp.block({ operation: ["VipsForeignLoadSvgBuffer"] });
    const sum = shown.reduce((total, value, i) => total + Math.abs(value - sign.pixels[i]!), 0);
    expect([shown.length, sum / shown.length < 8]).toEqual([sign.pixels.length, true]);
  });

  test("as base64 and data URI, async, of an earlier result; getResponse returns it again", async () => {
    const [upload] = (await ask({ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image })).body.data;
    const changes = { outputType: ["base64Data", "dataURI"], deliveryMethod: "async" };
    const task = vectorize({ inputs: { image: upload.imageUUID }, ...changes });
    expect((await ask(task)).body.data).toEqual([{ taskType: "vectorize", taskUUID: task.taskUUID }]);
    const poll = async () => (await ask({ taskType: "getResponse", taskUUID: task.taskUUID })).body.data[0];
    await expect.poll(poll, { timeout: 60_000 }).toMatchObject({ status: "success" });
    const item = await poll();
    expect(item).toMatchObject({ inputImageUUID: upload.imageUUID });
    expect(item.imageDataURI).toBe(`data:image/svg+xml;base64,${item.imageBase64Data}`);
    expect(Buffer.from(item.imageBase64Data, "base64").toString()).toContain("<path ");
  });

  test("in the gallery it has a thumbnail and its parent, by address and by UUID", async () => {
    const [upload] = (await ask({ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image })).body.data;
    const [drawn] = (await ask(vectorize({ inputs: { image: upload.imageURL } }))).body.data;
    expect(drawn.inputImageUUID).toBe(upload.imageUUID);
    const headers = { authorization: `Bearer ${server.key}` };
    const found = await fetch(`${server.base}/v1/pictures/${drawn.imageUUID}`, { headers });
    const picture = (await found.json()) as { thumbnailURL: string };
    expect(picture).toMatchObject({ parents: [upload.imageUUID], width: 128, height: 96 });
    const thumbnail = await fetch(`${picture.thumbnailURL}?side=160`);
    expect([thumbnail.status, thumbnail.headers.get("content-type")]).toEqual([200, "image/webp"]);
    expect(await decodeImage(new Uint8Array(await thumbnail.arrayBuffer()))).toMatchObject({ width: 128, height: 96 });
  });

  test.each([
    [{ model: "runware:504@1" }, "invalidModel", "model"],
    [{ outputFormat: "PNG" }, "invalidOutputFormat", "outputFormat"],
    [{ outputQuality: 80 }, "unsupportedParameter", "outputQuality"],
    [{ inputs: {} }, "missingImage", "inputs.image"],
    [{ inputs: { image: crypto.randomUUID() } }, "invalidImage", "inputs.image"],
  ])("%j is refused by name", async (changes, code, parameter) => {
    const { status, body } = await ask(vectorize(changes));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code, parameter, taskType: "vectorize" });
  });

  test("an SVG file is no input, neither a caller's, a nested one, nor one of this server: it is refused unparsed", async () => {
    const deep = `<svg xmlns="http://www.w3.org/2000/svg">${"<g>".repeat(100_000)}${"</g>".repeat(100_000)}</svg>`;
    const [drawn] = (await ask(vectorize())).body.data;
    const given = [Buffer.from(deep).toString("base64"), drawn.imageUUID, drawn.imageURL];
    for (const reference of given) {
      const { status, body } = await ask(vectorize({ inputs: { image: reference } }));
      expect(status).toBe(400);
      expect(body.error).toMatchObject({ code: "invalidImage", parameter: "inputs.image" });
      expect(body.error.message).toContain("is SVG; allowed are PNG");
    }
  });

  test("a cancelled task ends at once, and the next one runs", async () => {
    let state = 1;
    const pixels = Uint8Array.from({ length: 3 * 1024 * 1024 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 24;
    });
    const bytes = await encodeImage({ width: 1024, height: 1024, pixels }, { format: "PNG" });
    const noise = Buffer.from(bytes).toString("base64");
    const task = vectorize({ inputs: { image: noise }, deliveryMethod: "async" });
    await ask(task);
    const headers = { authorization: `Bearer ${server.key}` };
    const address = `${server.base}/v1/tasks/${task.taskUUID}`;
    const stateOf = async () => ((await (await fetch(address, { headers })).json()) as { state: string }).state;
    await expect.poll(stateOf, { timeout: 60_000 }).toBe("running");
    await fetch(address, { method: "DELETE", headers });
    await expect.poll(stateOf, { timeout: 20_000 }).toBe("cancelled");
    expect((await ask(vectorize())).status).toBe(200);
  });
});

test("through the official client, with the old and new name of the input", async () => {
  const runware = new Runware({ apiKey: server.key, url: server.socketUrl, globalMaxRetries: 1 });
  await runware.ensureConnection();
  const drawn = await runware.vectorize({ model: "recraft:1@1", inputs: { image }, outputType: "URL" });
  expect(drawn).toMatchObject({ imageURL: expect.stringMatching(/\.svg$/) });
  await runware.disconnect();
  const old = await ask(vectorize({ inputs: undefined, inputImage: image }));
  expect(old.body.data[0]).toMatchObject({ taskType: "vectorize", imageURL: expect.any(String) });
});

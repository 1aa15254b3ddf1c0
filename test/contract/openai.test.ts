/** The official `openai` clients of npm and PyPI, unmodified, and what Open WebUI and LibreChat send. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import OpenAI, { APIError, toFile } from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { decodeImage, encodeImage, readHeader } from "../../src/pictures/index.ts";
import { metricsOf } from "../support/metrics.ts";
import { STAND_IN_ENGINE } from "../support/stand-in-model.ts";
import { type ContractServer, startContractServer } from "./server.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: ContractServer;
/** Its engine is a stand-in that does what the prompt says. */
let scripted: ContractServer;
let client: OpenAI;
let scriptedClient: OpenAI;
beforeAll(async () => {
  server = await startContractServer();
  scripted = await startContractServer({ INKSTONE_MAX_ATTEMPTS: "1" }, { engineProgram: STAND_IN_ENGINE });
  scriptedClient = new OpenAI({ apiKey: scripted.key, baseURL: scripted.httpUrl, maxRetries: 0 });
  client = new OpenAI({ apiKey: server.key, baseURL: server.httpUrl, maxRetries: 0 });
});
afterAll(async () => {
  await server?.stop();
  await scripted?.stop();
});

/** Small, fast and the same each time; `seed` and `steps` are extensions that gateways send. */
const small = {
  prompt: "a red square",
  size: "128x128",
  steps: 2,
  seed: 7,
} as never as OpenAI.ImageGenerateParamsNonStreaming;
/** Slow enough for previews. */
const slow = { ...small, prompt: "step 40", steps: 30 };
const pixelsOf = async (base64: string) => decodeImage(Buffer.from(base64, "base64"));

describe("generations", () => {
  test("PNGs in base64 by default; the same seed gives the same bytes", async () => {
    const reply = await client.images.generate({ ...small, model: "gpt-image-1", n: 2 });
    expect(reply.data).toHaveLength(2);
    expect(reply.output_format).toBe("png");
    const [first] = reply.data!;
    expect(await readHeader(Buffer.from(first!.b64_json!, "base64"))).toMatchObject({
      format: "PNG",
      width: 128,
      height: 128,
    });
    const again = await client.images.generate({ ...small, model: "runware:108@1" });
    expect(again.data![0]!.b64_json).toBe(first!.b64_json);
  });

  test("a URL on request", async () => {
    const reply = await client.images.generate({
      ...small,
      model: "dall-e-3",
      response_format: "url",
      quality: "standard",
      style: "vivid",
    });
    const response = await fetch(reply.data![0]!.url!);
    expect(response.headers.get("content-type")).toBe("image/png");
  });

  test("format, compression and size as requested", async () => {
    const request = { ...small, size: "192x128", output_format: "webp", output_compression: 80 } as typeof small;
    const { data, size } = await client.images.generate(request);
    expect(size).toBe("192x128");
    expect(await readHeader(Buffer.from(data![0]!.b64_json!, "base64"))).toMatchObject({
      format: "WEBP",
      width: 192,
      height: 128,
    });
  });

  test("as events: partial images of the requested size and format during generation, then the image", async () => {
    const request = { ...slow, output_format: "jpeg", size: "192x128" } as typeof small;
    const stream = await scriptedClient.images.generate({ ...request, stream: true, partial_images: 2 });
    const events: OpenAI.ImageGenStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.map(({ type }) => type)).toEqual([
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
    ]);
    expect(events.slice(0, 2)).toMatchObject([{ partial_image_index: 0 }, { partial_image_index: 1 }]);
    for (const { b64_json, size, output_format } of events) {
      expect({ size, output_format }).toEqual({ size: "192x128", output_format: "jpeg" });
      const header = { format: "JPG", width: 192, height: 128 };
      expect(await readHeader(Buffer.from(b64_json, "base64"))).toMatchObject(header);
    }
    const again = await scriptedClient.images.generate({ ...request, stream: false });
    expect(again.data![0]!.b64_json).toBe(events[2]!.b64_json);
  });

  test("without partial images, one event for each image", async () => {
    const stream = await client.images.generate({ ...small, n: 2, stream: true });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    expect(types).toEqual(["image_generation.completed", "image_generation.completed"]);
  });

  test("leaving a stream cancels its task", async () => {
    const endless = { ...slow, prompt: "step 500", stream: true, partial_images: 3 };
    const stream = await scriptedClient.images.generate(endless as OpenAI.ImageGenerateParamsStreaming);
    for await (const _ of stream) break;
    const running = async () =>
      /inkstone_tasks\{state="running"\} (\d+)/.exec(await metricsOf(scripted.base, scripted.key))?.[1];
    await expect.poll(running, { timeout: 30_000, interval: 500 }).toBe("0");
  });

  test("a request of Open WebUI: any model name, 512x512, b64_json", async () => {
    const body = {
      model: "dall-e-2",
      prompt: "a red square",
      n: 1,
      size: "512x512",
      response_format: "b64_json",
      steps: 1,
    };
    const headers = { "content-type": "application/json", authorization: `Bearer ${server.key}` };
    const response = await fetch(`${server.httpUrl}/images/generations`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const { data } = (await response.json()) as { data: { b64_json: string }[] };
    expect(await pixelsOf(data[0]!.b64_json)).toMatchObject({ width: 512, height: 512 });
  });
});

type Edit = OpenAI.ImageEditParamsNonStreaming;

describe("edits", () => {
  const gray = { width: 128, height: 128, pixels: new Uint8Array(128 * 128 * 3).fill(100) };

  test("the transparent part of the mask changes, the rest stays bit for bit", async () => {
    const image = Buffer.from(await encodeImage(gray, { format: "PNG" }));
    const { default: sharp } = await import("sharp");
    const alpha = Buffer.alloc(128 * 128 * 4, 255);
    for (let i = 0; i < 128 * 128; i++) if (i % 128 >= 64) alpha[4 * i + 3] = 0;
    const mask = await sharp(alpha, { raw: { width: 128, height: 128, channels: 4 } })
      .png()
      .toBuffer();
    const request = {
      ...small,
      size: undefined,
      image: await toFile(image, "image.png", { type: "image/png" }),
      mask: await toFile(mask, "mask.png", { type: "image/png" }),
    } as never as OpenAI.ImageEditParamsNonStreaming;
    const { data } = await client.images.edit(request);
    const drawn = await pixelsOf(data![0]!.b64_json!);
    const left = (x: number) => drawn.pixels[(64 * 128 + x) * 3]!;
    expect([left(0), left(30), left(60)]).toEqual([100, 100, 100]);
    expect([left(90), left(110), left(120)]).not.toEqual([100, 100, 100]);
  });

  test("as events", async () => {
    const image = await toFile(await encodeImage(gray, { format: "PNG" }), "image.png", { type: "image/png" });
    const request = { ...slow, model: "runware:108@1", size: undefined, image, stream: true, partial_images: 1 };
    const types: string[] = [];
    for await (const { type } of await scriptedClient.images.edit(
      request as never as OpenAI.ImageEditParamsStreaming,
    )) {
      types.push(type);
    }
    expect(types).toEqual(["image_edit.partial_image", "image_edit.completed"]);
  });

  test("an editing model receives the images", async () => {
    const file = async (width: number, height: number) => {
      const pixels = new Uint8Array(width * height * 3).fill(60);
      return toFile(await encodeImage({ width, height, pixels }, { format: "PNG" }), "image.png", {
        type: "image/png",
      });
    };
    const edit = (model: string, ...images: Awaited<ReturnType<typeof file>>[]) =>
      client.images.edit({
        model,
        prompt: "make it red",
        image: images,
        steps: 1,
      } as never as OpenAI.ImageEditParamsNonStreaming);
    const { data } = await edit("alibaba:qwen-image-edit@2511", await file(60, 30), await file(31, 60));
    expect(await pixelsOf(data![0]!.b64_json!)).toMatchObject({ width: 32, height: 96 });
    await expect(edit("runware:108@20", await file(60, 30), await file(60, 30))).rejects.toThrow("takes one image");
    await expect(edit("runware:108@1", await file(60, 30), await file(60, 30))).rejects.toThrow(
      "need an editing checkpoint",
    );
  });

  test("an edit without a model goes to an editing model that accepts the number of images", async () => {
    const file = async (width: number, height: number) =>
      toFile(
        await encodeImage({ width, height, pixels: new Uint8Array(width * height * 3) }, { format: "PNG" }),
        "i.png",
        {
          type: "image/png",
        },
      );
    for (const model of [undefined, "gpt-image-1"]) {
      const image = [await file(60, 30), await file(31, 60)];
      const { data } = await client.images.edit({ model, prompt: "red", image, steps: 1 } as never as Edit);
      expect(await pixelsOf(data![0]!.b64_json!)).toMatchObject({ width: 32, height: 96 });
    }
    // The model that draws from text keeps the size of the image instead.
    const named = { model: "runware:108@1", prompt: "red", image: await file(160, 128), steps: 1 };
    const { data } = await client.images.edit(named as never as Edit);
    expect(await pixelsOf(data![0]!.b64_json!)).toMatchObject({ width: 160, height: 128 });
  });

  test("a variation of an unusual size", async () => {
    const image = Buffer.from(
      await encodeImage({ width: 150, height: 130, pixels: new Uint8Array(150 * 130 * 3).fill(60) }, { format: "PNG" }),
    );
    const request = {
      image: await toFile(image, "image.png", { type: "image/png" }),
      steps: 2,
    } as never as OpenAI.ImageCreateVariationParams;
    const { data } = await client.images.createVariation(request);
    expect(await pixelsOf(data![0]!.b64_json!)).toMatchObject({ width: 144, height: 128 });
  });
});

describe("errors, in OpenAI's form", () => {
  const failing = async (work: Promise<unknown>): Promise<APIError> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(APIError);
    return error as APIError;
  };

  test.each([
    [{ size: "100x100" }, 400, "size"],
    [{ size: "large" }, 400, "size"],
    [{ n: 11 }, 400, "n"],
    [{ background: "transparent" }, 400, "background"],
    [{ colour: "red" }, 400, "colour"],
    [{ prompt: undefined }, 400, "prompt"],
    [{ model: "acme:1@1" }, 404, "model"],
    [{ steps: 2000 }, 400, "steps"],
    [{ partial_images: 4, stream: true }, 400, "partial_images"],
    [{ partial_images: 1 }, 400, "partial_images"],
  ])("%j", async (change, status, param) => {
    const error = await failing(client.images.generate({ ...small, ...change } as typeof small));
    expect(error).toMatchObject({ status, param });
    // Until a stream has begun, errors have a status too.
    const streaming = { ...small, ...change, stream: true } as OpenAI.ImageGenerateParamsStreaming;
    if (!("partial_images" in change)) {
      expect(await failing(client.images.generate(streaming))).toMatchObject({ status, param });
    }
  });

  test("in a running stream: as an event, which the client throws", async () => {
    const stream = await scriptedClient.images.generate({ ...small, prompt: "error", stream: true, partial_images: 1 });
    const reading = (async () => {
      for await (const _ of stream) expect.unreachable();
    })();
    expect(await failing(reading)).toMatchObject({ type: "server_error", code: "inferenceError" });
  });

  test("a wrong key", async () => {
    const stranger = new OpenAI({ apiKey: "wrong", baseURL: server.httpUrl, maxRetries: 0 });
    expect(await failing(stranger.images.generate(small))).toMatchObject({ status: 401, type: "authentication_error" });
    expect(await failing(stranger.models.list().then((page) => page.data))).toMatchObject({ status: 401 });
  });
});

const { INKSTONE_TEST_CLIENTS = "", INKSTONE_TEST_PYTHON: python } = process.env;
const package_ = resolve(INKSTONE_TEST_CLIENTS, "openai");
const noPython = !INKSTONE_TEST_CLIENTS || !python || !existsSync(package_);

test.skipIf(noPython)("the client of PyPI (skipped without INKSTONE_TEST_CLIENTS)", async () => {
  const script = new URL("python/openai_scenarios.py", import.meta.url).pathname;
  const picture = join(server.folder, "picture.png");
  const gray = { width: 128, height: 128, pixels: new Uint8Array(128 * 128 * 3).fill(100) };
  await writeFile(picture, await encodeImage(gray, { format: "PNG" }));
  const { stdout } = await promisify(execFile)(python!, [script, scripted.httpUrl, scripted.key, picture], {
    env: { ...process.env, PYTHONPATH: package_ },
    timeout: 170_000,
  });
  const [png, webp] = ["89504e47", "52494646"];
  expect(JSON.parse(stdout)).toEqual({
    plain: png,
    models: expect.arrayContaining(["runware:108@1"]),
    generation: [
      { type: "image_generation.partial_image", magic: webp, index: 0, format: "webp" },
      { type: "image_generation.partial_image", magic: webp, index: 1, format: "webp" },
      { type: "image_generation.completed", magic: webp, index: null, format: "webp" },
    ],
    edit: [
      { type: "image_edit.partial_image", magic: png, index: 0, format: "png" },
      { type: "image_edit.completed", magic: png, index: null, format: "png" },
    ],
    badSize: { kind: "BadRequestError", status: 400, param: "size", code: expect.any(String) },
    badModel: { kind: "NotFoundError", status: 404, param: "model", code: "unknownModel" },
  });
});

test("models: the installed checkpoints", async () => {
  const { data } = await client.models.list();
  expect(data.map(({ id }) => id)).toContain("runware:108@1");
  const side = { min: 128, max: 2048, step: 8 };
  expect(await client.models.retrieve("runware:108@1")).toMatchObject({
    object: "model",
    inkstone: {
      can: ["text", "image", "mask", "outpaint"],
      references: { min: 0, max: 0 },
      sizes: { ...side, suggested: "1024x1024" },
    },
  });
  expect(await client.models.retrieve("alibaba:qwen-image-edit@2511")).toMatchObject({
    inkstone: {
      can: ["image", "edit", "mask", "outpaint"],
      references: { min: 1, max: 3 },
      sizes: { ...side, suggested: "auto" },
    },
  });
});

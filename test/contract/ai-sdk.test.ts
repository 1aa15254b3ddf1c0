/** `@runware/ai-sdk-provider` under `ai`, unmodified. */

import { createRunware } from "@runware/ai-sdk-provider";
import { experimental_generateImage as generateImage } from "ai";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

// The provider "warns" of every response it gets.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server?.stop());

const model = (apiKey = server.key) => createRunware({ apiKey, baseURL: server.httpUrl }).image("runware:108@1");
const steps = { runware: { steps: 2 } };

test("an image", async () => {
  const { image } = await generateImage({
    model: model(),
    prompt: "a red square",
    size: "128x128",
    seed: 7,
    providerOptions: steps,
  });
  expect(image.uint8Array.length).toBeGreaterThan(0);
  expect(image.mediaType).toBe("image/png");
});

test("without a size: 512×512", async () => {
  const { images } = await generateImage({ model: model(), prompt: "a red square", providerOptions: steps });
  expect(images).toHaveLength(1);
});

test("four images are four parallel requests", async () => {
  const { images } = await generateImage({
    model: model(),
    prompt: "a red square",
    size: "128x128",
    n: 4,
    providerOptions: steps,
  });
  expect(images).toHaveLength(4);
});

test.each(["base64Data", "dataURI"])("outputType %s", async (outputType) => {
  const { image } = await generateImage({
    model: model(),
    prompt: "a red square",
    size: "128x128",
    providerOptions: { runware: { steps: 2, outputType } },
  });
  expect(image.uint8Array.length).toBeGreaterThan(0);
});

test("an error has a message, and is not retried", async () => {
  const request = generateImage({ model: model(), prompt: "a red square", size: "100x128", providerOptions: steps });
  await expect(request).rejects.toThrow(
    "Invalid value for 'width' parameter. Width must be an integer value between 128 and 2048, in multiples of '8'.",
  );
});

test("a wrong key", async () => {
  const request = generateImage({ model: model("wrong"), prompt: "a red square", providerOptions: steps });
  await expect(request).rejects.toThrow("Invalid API key");
});

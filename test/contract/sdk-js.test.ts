/** `@runware/sdk-js`, unmodified. */

import { Runware } from "@runware/sdk-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

type Client = InstanceType<typeof Runware>;

let server: ContractServer;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startContractServer();
});
afterAll(async () => {
  for (const client of clients) await client.disconnect();
  await server?.stop();
});

const connect = async (options: object = {}): Promise<Client> => {
  const client = new Runware({ apiKey: server.key, url: server.socketUrl, globalMaxRetries: 1, ...options });
  clients.push(client);
  await client.ensureConnection();
  return client;
};
const task = { model: "runware:108@1", positivePrompt: "a red square", width: 128, height: 128, steps: 2 };
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("should have been rejected"),
    (thrown) => thrown.error ?? thrown,
  );

test("an image, with its seed, cost and address", async () => {
  const client = await connect();
  const images = await client.imageInference({ ...task, numberResults: 1, seed: 73347, includeCost: true });
  expect(images).toHaveLength(1);
  expect(images![0]).toMatchObject({ seed: 73347, cost: expect.any(Number), imageUUID: expect.any(String) });
  const file = await fetch(images![0]!.imageURL!);
  expect(file.status).toBe(200);
  expect(file.headers.get("content-type")).toBe("image/jpeg");
});

test("three images arrive one by one, with consecutive seeds", async () => {
  const client = await connect();
  const partial: number[] = [];
  const images = await client.imageInference({
    ...task,
    numberResults: 3,
    seed: 10,
    onPartialImages: (some: unknown[]) => partial.push(some.length),
  });
  expect(images!.map(({ seed }) => seed).sort()).toEqual([10, 11, 12]);
  expect(partial.length).toBeGreaterThanOrEqual(1);
});

test("two tasks at the same time stay separate", async () => {
  const client = await connect();
  const [first, second] = await Promise.all([
    client.imageInference({ ...task, numberResults: 2, seed: 100 }),
    client.imageInference({ ...task, numberResults: 2, seed: 200 }),
  ]);
  expect(first!.map(({ seed }) => seed).sort()).toEqual([100, 101]);
  expect(second!.map(({ seed }) => seed).sort()).toEqual([200, 201]);
});

test("two failing tasks at the same time: each has its own error", async () => {
  const client = await connect();
  const [first, second] = await Promise.all([
    failure(client.imageInference({ ...task, numberResults: 1, width: 100 })),
    failure(client.imageInference({ ...task, numberResults: 1, steps: 999 })),
  ]);
  expect(first).toMatchObject({ code: "invalidWidth", parameter: "width", min: 128, max: 2048, multiplier: 8 });
  expect(second).toMatchObject({ code: "invalidSteps", parameter: "steps" });
});

test.each([
  ["base64Data", "imageBase64Data", /^[A-Za-z0-9+/]+=*$/],
  ["dataURI", "imageDataURI", /^data:image\/png;base64,/],
] as const)("outputType %s", async (outputType, field, form) => {
  const client = await connect();
  const images = await client.imageInference({ ...task, numberResults: 1, outputType, outputFormat: "PNG" });
  expect((images![0] as unknown as Record<string, string>)[field]).toMatch(form);
});

test("async: acknowledged, then getResponse until the end", async () => {
  const client = await connect();
  const [acknowledged] = (await client.imageInference({
    ...task,
    numberResults: 2,
    deliveryMethod: "async",
  } as never))!;
  expect(acknowledged).toMatchObject({ taskType: "imageInference", taskUUID: expect.any(String) });
  // For images the client asks once a call; its users repeat it.
  const poll = () =>
    client.getResponse<{ status: string }>({ taskUUID: acknowledged!.taskUUID, numberResults: 2 } as never);
  await expect
    .poll(poll, { timeout: 60_000, interval: 200 })
    .toMatchObject([{ status: "success" }, { status: "success" }]);
});

test("an unknown task is an error, at once", async () => {
  const client = await connect();
  const before = performance.now();
  const error = await failure(client.getResponse({ taskUUID: crypto.randomUUID() } as never));
  expect(error).toMatchObject({ code: "taskFailedOrNotFound" });
  expect(performance.now() - before).toBeLessThan(5000);
});

test("a wrong key is refused, at once", async () => {
  const before = performance.now();
  const error = await failure(connect({ apiKey: "wrong" }));
  expect(error).toMatchObject({ code: "invalidApiKey" });
  expect(performance.now() - before).toBeLessThan(5000);
});

test("an unavailable feature is refused by name", async () => {
  const client = await connect();
  const error = await failure(client.imageInference({ ...task, numberResults: 1, upscaleFactor: 2 } as never));
  expect(error).toMatchObject({ code: "unsupportedParameter", parameter: "upscaleFactor" });
});

test("a task type that this server does not run is refused, at once", async () => {
  const client = await connect();
  const error = await failure(client.removeImageBackground({ inputImage: crypto.randomUUID() } as never));
  expect(error).toMatchObject({ code: "unsupportedTaskType", taskUUID: expect.any(String) });
});

describe("other tasks", () => {
  test("dryRun", async () => {
    const client = await connect({ dryRun: true });
    const images = await client.imageInference({ ...task, numberResults: 2 });
    expect(images).toMatchObject([{ dryRun: true }, { dryRun: true }]);
  });

  test("getTaskDetails", async () => {
    const client = await connect();
    const [image] = (await client.imageInference({ ...task, numberResults: 1, seed: 5 }))!;
    const details = await client.getTaskDetails({ taskUUID: image!.taskUUID });
    expect(details).toMatchObject({
      request: [{ taskType: "imageInference", positivePrompt: task.positivePrompt, seed: 5 }],
      response: { data: [{ imageUUID: image!.imageUUID }] },
    });
  });

  test("modelSearch", async () => {
    const client = await connect();
    const found = await client.modelSearch({ search: "qwen" });
    expect(found.results).toEqual(expect.arrayContaining([expect.objectContaining({ air: "runware:108@1" })]));
  });

  test("imageUpload", async () => {
    const client = await connect();
    const [image] = (await client.imageInference({
      ...task,
      numberResults: 1,
      outputType: "dataURI",
      outputFormat: "PNG",
    }))!;
    const uploaded = await client.imageUpload({ image: image!.imageDataURI! } as never);
    expect(uploaded).toMatchObject({ imageUUID: expect.any(String), imageURL: expect.any(String) });
  });
});

import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY, post } from "../../../test/contract/memory-app.ts";

const PICTURE = Buffer.from("picture".repeat(9));
const start = appsPerTest();

describe("POST /v1", () => {
  test("a sync task is answered with its images, seeds exact beyond 2⁵³", async () => {
    const { base } = await start();
    const raw = JSON.stringify([inference({ numberResults: 2, seed: 0, includeCost: true })]);
    const { status, text, body } = await post(base, raw.replace('"seed":0', '"seed":9223372036854775000'));
    expect(status).toBe(200);
    expect(text).toContain('"seed":9223372036854775000,');
    expect(text).toContain('"seed":9223372036854775001,');
    expect(body.errors).toBeUndefined();
    expect(body.data).toHaveLength(2);
    expect(Object.keys(body.data[0])).toEqual(["taskType", "taskUUID", "imageUUID", "imageURL", "seed", "cost"]);
    expect(body.data[0].imageURL).toBe(`${base}/images/${body.data[0].imageUUID}.jpg`);
    const image = await fetch(body.data[0].imageURL);
    expect(image.headers.get("content-type")).toBe("image/jpeg");
    expect(await image.text()).toBe(String(PICTURE));
  });

  test("tasks are answered in the order of the request, whatever task ends first", async () => {
    const { base, tasks } = await start();
    const [first, second] = [inference(), inference()];
    tasks.onAccept = (taskUUID) => setTimeout(() => tasks.finish(taskUUID), taskUUID === first.taskUUID ? 60 : 5);
    const { body } = await post(base, [first, second]);
    expect(body.data.map((item: { taskUUID: string }) => item.taskUUID)).toEqual([first.taskUUID, second.taskUUID]);
  });

  test.each([
    ["base64Data", "imageBase64Data", PICTURE.toString("base64")],
    ["dataURI", "imageDataURI", `data:image/png;base64,${PICTURE.toString("base64")}`],
  ])("outputType %s", async (outputType, field, value) => {
    const { base } = await start();
    const { body } = await post(base, [inference({ outputType, outputFormat: "png" })]);
    expect(body.data[0]).toMatchObject({ [field]: value });
    expect(body.data[0].imageURL).toBeUndefined();
  });

  test("one bad task does not affect the others: 200 with both lists", async () => {
    const { base } = await start();
    const bad = inference({ width: 100 });
    const { status, body } = await post(base, [inference(), bad]);
    expect(status).toBe(200);
    expect(body.data).toHaveLength(1);
    expect(body.errors).toMatchObject([{ code: "invalidWidth", parameter: "width", taskUUID: bad.taskUUID }]);
    expect(body.error).toBeUndefined();
  });

  test("all errors of a task together, and the first again for clients that read only that", async () => {
    const { base } = await start();
    const { status, body } = await post(base, [inference({ width: 100, height: 9000, foo: 1 })]);
    expect(status).toBe(400);
    expect(Object.keys(body)).toEqual(["errors", "error"]);
    expect(body.errors.map(({ code }: { code: string }) => code)).toEqual([
      "invalidWidth",
      "invalidHeight",
      "unsupportedParameter",
    ]);
    expect(body.error).toEqual(body.errors[0]);
    expect(body.error.documentation).toBe(`${base}/docs/reference/api#request-width`);
  });

  test("async is acknowledged at once and polled to the end", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = () => undefined;
    const task = inference({ deliveryMethod: "async", numberResults: 2 });
    const { body } = await post(base, [task]);
    expect(body).toEqual({ data: [{ taskType: "imageInference", taskUUID: task.taskUUID }] });

    const poll = async () => (await post(base, [{ taskType: "getResponse", taskUUID: task.taskUUID }])).body;
    tasks.progress(task.taskUUID, 5, 20);
    expect((await poll()).data).toMatchObject([
      { status: "processing", progress: 25, step: 5, steps: 20 },
      { status: "processing" },
    ]);
    tasks.picture(task.taskUUID);
    expect((await poll()).data).toMatchObject([{ status: "processing" }, { status: "success", seed: 42 }]);
    tasks.picture(task.taskUUID);
    expect((await poll()).data).toMatchObject([{ status: "success" }, { status: "success", seed: 43 }]);
  });

  test("a failed task: its error in the reply, and with status error in getResponse", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = (taskUUID) => {
      tasks.picture(taskUUID);
      tasks.fail(taskUUID, { code: "inferenceError", message: "it broke" });
    };
    const task = inference({ numberResults: 2 });
    const { status, body } = await post(base, [task]);
    expect(status).toBe(200);
    expect(body.data).toHaveLength(1);
    expect(body.errors).toMatchObject([{ code: "inferenceError", message: "it broke", taskUUID: task.taskUUID }]);
    const polled = await post(base, [{ taskType: "getResponse", taskUUID: task.taskUUID }]);
    expect(polled.body.errors).toMatchObject([{ code: "inferenceError", status: "error" }]);
  });

  test("a cancelled task has its state, also in later polls", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = (taskUUID) => void tasks.cancel(tasks.records.get(taskUUID)!.owner, taskUUID);
    const task = inference();
    expect(await post(base, [task])).toMatchObject({ status: 409, body: { error: { code: "taskCancelled" } } });
    const { body } = await post(base, [{ taskType: "getResponse", taskUUID: task.taskUUID }]);
    expect(body.errors).toMatchObject([{ code: "taskCancelled", status: "error", taskUUID: task.taskUUID }]);
  });

  test("an image that is deleted before its bytes are requested", async () => {
    const { base, tasks } = await start();
    const task = inference({ outputType: "base64Data", numberResults: 2 });
    tasks.onAccept = (taskUUID) => {
      tasks.files.delete(tasks.picture(taskUUID).fileName);
      tasks.picture(taskUUID);
    };
    const { status, body } = await post(base, [task]);
    expect(status).toBe(200);
    expect(body.data).toMatchObject([{ seed: 43 }]);
    expect(body.errors).toMatchObject([{ code: "imageExpired", taskUUID: task.taskUUID }]);
  });

  test("a task that fails without any image has the status of its error", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = (taskUUID) => tasks.fail(taskUUID, { code: "engineTimeout", message: "hung" });
    expect(await post(base, [inference()])).toMatchObject({
      status: 504,
      body: { error: { message: "hung" } },
    });
  });

  test("an unknown taskUUID is an error, never empty data", async () => {
    const { base } = await start();
    const taskUUID = crypto.randomUUID();
    const { status, body } = await post(base, [{ taskType: "getResponse", taskUUID }]);
    expect(status).toBe(404);
    expect(body.errors).toMatchObject([{ code: "taskFailedOrNotFound", taskUUID, taskType: "getResponse" }]);
  });

  test("the same task twice is one task; a different body with its taskUUID is a conflict", async () => {
    const { base, tasks } = await start();
    const task = inference();
    const [first, second] = [await post(base, [task]), await post(base, [task])];
    expect(second.body).toEqual(first.body);
    expect(tasks.records.size).toBe(1);
    const other = await post(base, [{ ...task, positivePrompt: "a dog" }]);
    expect(other).toMatchObject({
      status: 400,
      body: { error: { code: "conflictTaskUUID", taskUUID: task.taskUUID } },
    });
  });

  test("one taskUUID twice in one request", async () => {
    const { base } = await start();
    const task = inference();
    const { body } = await post(base, [task, task]);
    expect(body.data).toHaveLength(1);
    expect(body.errors).toMatchObject([{ code: "invalidTaskUUID" }]);
  });

  test("a full queue gives the time to come back", async () => {
    const { base, tasks } = await start();
    tasks.onAccept = () => undefined;
    tasks.maxQueued = 1;
    await post(base, [inference({ deliveryMethod: "async" })]);
    const { status, headers, body } = await post(base, [inference({ deliveryMethod: "async" })]);
    expect(status).toBe(429);
    expect(headers.get("retry-after")).toBe("7");
    expect(body.error).toMatchObject({ code: "rateLimitExceeded", retryAfter: 7 });
  });

  test("results are not sent to blocked addresses, and such tasks do not run", async () => {
    const { base, tasks } = await start();
    for (const parameter of ["webhookURL", "uploadEndpoint"]) {
      const { status, body } = await post(base, [inference({ [parameter]: "http://127.0.0.1:9/x" })]);
      const code = parameter === "webhookURL" ? "invalidWebhookURL" : "invalidUploadEndpoint";
      expect([status, body.errors[0].code, body.errors[0].parameter]).toEqual([400, code, parameter]);
    }
    expect(tasks.records.size).toBe(0);
  });

  test("a model that is not installed", async () => {
    const { base } = await start();
    const { status, body } = await post(base, [inference({ model: "civitai:1@2" })]);
    expect(status).toBe(404);
    expect(body.error).toMatchObject({ code: "unknownModel", allowedValues: ["runware:108@1"] });
  });

  test("any model while no worker is running", async () => {
    const { base } = await start({}, { ports: { models: { list: async () => [], cost: async () => 0 } } });
    const { body } = await post(base, [inference()]);
    expect(body.error).toMatchObject({
      code: "unknownModel",
      message: expect.stringContaining("no worker is running"),
    });
  });

  test("dryRun validates and prices, and runs nothing", async () => {
    const { base, tasks } = await start();
    const { body } = await post(base, [inference({ numberResults: 2 })], { query: "?dryRun=1" });
    expect(body.data).toMatchObject([{ dryRun: true, cost: 0.0077 }, { dryRun: true }]);
    expect(tasks.records.size).toBe(0);
    const bad = await post(base, [inference({ steps: 101 })], { query: "?sdk=js&dryRun=1" });
    expect(bad).toMatchObject({ status: 400, body: { error: { code: "invalidSteps" } } });
  });

  test.each([
    ["not JSON", "{", "invalidRequest"],
    ["no array", "5", "invalidRequest"],
    ["empty array", "[]", "invalidRequest"],
    ["no object in it", "[null]", "invalidRequest"],
    ["no task type", "[{}]", "missingTaskType"],
    ["too many", JSON.stringify(Array(21).fill({ taskType: "ping" })), "maxTasksExceeded"],
    ["deep", `${'[{"a":'.repeat(20_000)}1${"}]".repeat(20_000)}`, "invalidRequest"],
    [
      "deep with a long number",
      `${'[{"a":'.repeat(20_000)}12345678901234567890${"}]".repeat(20_000)}`,
      "invalidRequest",
    ],
    ["unknown type", '[{"taskType":"videoInference","taskUUID":"x"}]', "unsupportedTaskType"],
    ["__proto__", '[{"taskType":"ping","__proto__":{"polluted":1}}]', "unsupportedParameter"],
  ])("%s is refused", async (_, text, code) => {
    const { base } = await start();
    expect(await post(base, text)).toMatchObject({ status: 400, body: { error: { code } } });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("the documented header requests a dry run", async () => {
    const { base, tasks } = await start();
    const reply = await fetch(`${base}/v1`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${KEY}`, "x-runware-dry-run": "1" },
      body: JSON.stringify([inference()]),
    });
    expect(await reply.json()).toMatchObject({ data: [{ dryRun: true, cost: 0.0077 }] });
    expect(tasks.records.size).toBe(0);
  });

  test("a single object is an array of one", async () => {
    const { base } = await start();
    expect((await post(base, { taskType: "ping", ping: true })).body).toEqual({
      data: [{ taskType: "ping", pong: true }],
    });
  });

  test("bytes that are not UTF-8, a byte order mark, a compressed body, broken JSON", async () => {
    const { base } = await start();
    const send = async (body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string> = {}) => {
      const reply = await fetch(`${base}/v1`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${KEY}`, ...headers },
        body,
      });
      return { status: reply.status, body: await reply.json() };
    };
    const ping = '[{"taskType":"ping"}]';
    expect(await send(Buffer.from('[{"taskType":"ping","x":"Café"}]', "latin1"))).toMatchObject({
      status: 400,
      body: { error: { code: "invalidRequest", message: expect.stringContaining("its bytes are not UTF-8") } },
    });
    expect(await send(`\uFEFF${ping}`)).toMatchObject({ status: 200, body: { data: [{ pong: true }] } });
    expect(await send(Buffer.from(gzipSync(ping)), { "content-encoding": "gzip" })).toMatchObject({
      status: 415,
      body: { error: { code: "unsupportedContentEncoding" } },
    });
    expect(await send('[\n  {"taskType": ping}]')).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('line 2, column 16: unexpected "p"') } },
    });
  });

  test("a body beyond the limit, and one that is not JSON", async () => {
    const { base } = await start();
    expect(await post(base, `["${"x".repeat(2 ** 20)}"]`)).toMatchObject({
      status: 413,
      body: { error: { code: "requestTooLarge" } },
    });
    const form = await fetch(`${base}/v1`, { method: "POST", body: "[{}]", headers: { "content-type": "text/plain" } });
    expect(form.status).toBe(400);
    expect(await form.json()).toMatchObject({ error: { code: "invalidRequest" } });
  });
});

describe("outputType", () => {
  test("a list returns the image in each form", async () => {
    const { base } = await start({}, { bytes: Buffer.from("picture") });
    const asked = async (outputType: unknown) => (await post(base, [inference({ outputType })])).body;
    const imageBase64Data = Buffer.from("picture").toString("base64");
    const imageDataURI = expect.stringMatching(new RegExp(`^data:image/\\w+;base64,${imageBase64Data}$`));
    const imageURL = expect.stringMatching(/^http.*\/images\//);
    const forms = ({ data }: { data: object[] }) =>
      Object.fromEntries(Object.entries(data[0]!).filter(([key]) => /^image(URL|Base64Data|DataURI)$/.test(key)));
    expect(forms(await asked(["dataURI", "URL"]))).toEqual({ imageURL, imageDataURI });
    expect(forms(await asked(["base64Data", "base64Data"]))).toEqual({ imageBase64Data });
    expect(forms(await asked("URL"))).toEqual({ imageURL });
    expect((await asked([])).error).toMatchObject({ code: "invalidOutputType" });
    expect((await asked(["URL", "PDF"])).error).toMatchObject({ code: "invalidOutputType", parameter: "outputType" });
  });
});

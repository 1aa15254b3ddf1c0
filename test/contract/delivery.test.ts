/** Webhooks and uploads of a whole server, to a receiver on the loopback interface. */

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startReceiver } from "../support/receiver.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const SECRET = `whsec_${Buffer.from("a secret of twenty-four.").toString("base64")}`;

let server: ContractServer;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeAll(async () => {
  receiver = await startReceiver();
  server = await startContractServer({ INKSTONE_ALLOWED_ADDRESSES: "127.0.0.0/8", INKSTONE_WEBHOOK_SECRET: SECRET });
});
afterAll(async () => {
  await server?.stop();
  await receiver?.close();
});

const small = { width: 128, height: 128, steps: 2 };

test("one signed webhook per image, and its bytes by PUT", async () => {
  const task = inference({
    ...small,
    numberResults: 2,
    includeCost: true,
    outputFormat: "PNG",
    webhookURL: `${receiver.url}/hook?token=secret`,
    uploadEndpoint: `${receiver.url}/put/{imageUUID}`,
  });
  const { body } = await post(server.base, [task], { key: server.key });
  const received = await receiver.until(4);
  const hooks = received.filter(({ method }) => method === "POST");
  expect(hooks.map(({ body: text }) => JSON.parse(String(text)))).toEqual(
    expect.arrayContaining(body.data.map((item: object) => ({ data: [item] }))),
  );
  for (const { headers, body: text } of hooks) new Webhook(SECRET).verify(text, headers as Record<string, string>);
  for (const item of body.data) {
    const put = received.find(({ path }) => path === `/put/${item.imageUUID}`)!;
    expect(put).toMatchObject({ method: "PUT", headers: { "content-type": "image/png" } });
    expect(put.body).toEqual(Buffer.from(await (await fetch(item.imageURL)).arrayBuffer()));
  }
  const details = async () => {
    const [item] = (
      await post(server.base, [{ taskType: "getTaskDetails", taskUUID: task.taskUUID }], { key: server.key })
    ).body.data;
    return item.deliveries.map(({ state, target }: { state: string; target: string }) => [
      state,
      target.includes("secret"),
    ]);
  };
  await expect.poll(details, { timeout: 60_000 }).toEqual(Array(4).fill(["delivered", false]));
});

test("an uploaded image is served, and a private address is not downloaded without permission", async () => {
  const strict = await startContractServer();
  try {
    const [picture] = (
      await post(strict.base, [inference({ ...small, outputType: "dataURI", outputFormat: "WEBP" })], {
        key: strict.key,
      })
    ).body.data;
    const upload = (image: string) =>
      post(strict.base, [{ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image }], { key: strict.key });
    const { body } = await upload(picture.imageDataURI);
    const stored = await fetch(body.data[0].imageURL);
    expect(stored.headers.get("content-type")).toBe("image/webp");
    expect(Buffer.from(await stored.arrayBuffer()).toString("base64")).toBe(picture.imageDataURI.split(",")[1]);

    const before = receiver.received.length;
    expect((await upload(`${receiver.url}/private`)).body.error).toMatchObject({
      code: "downloadFailed",
      parameter: "image",
    });
    expect((await upload("a".repeat(100))).body.error).toMatchObject({ code: "invalidImage", parameter: "image" });
    expect(receiver.received.length).toBe(before);
  } finally {
    await strict.stop();
  }
});

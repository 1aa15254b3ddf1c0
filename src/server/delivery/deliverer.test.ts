import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { startReceiver } from "../../../test/support/receiver.ts";
import { aResult, aTask } from "../../../test/support/tasks.ts";
import type { ImageInferenceTask } from "../../protocol/index.ts";
import { createOutbound } from "../net/index.ts";
import { type Deliverer, type DelivererOptions, startDeliverer } from "./index.ts";

const SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2Vjb25kIHNlY3JldCBmb3Igcm90YXRpb24="];
const PIXELS = Buffer.from("bytes of a picture");

onEachDatabase("deliveries", (tasks, database) => {
  const receivers: Awaited<ReturnType<typeof startReceiver>>[] = [];
  const deliverers: Deliverer[] = [];
  const outbound = createOutbound({ allow: ["127.0.0.1"] });

  afterEach(async () => {
    for (const deliverer of deliverers.splice(0)) await deliverer.stop();
    for (const each of receivers.splice(0)) await each.close();
  });
  afterAll(() => outbound.close());

  async function receiver(...parameters: Parameters<typeof startReceiver>) {
    const started = await startReceiver(...parameters);
    receivers.push(started);
    return started;
  }

  function deliver(options: Partial<DelivererOptions> = {}): Deliverer {
    const started = startDeliverer({
      db: tasks.db,
      signals: tasks.signals,
      outbound,
      sources: {
        resultItem: async (record, { imageUUID, seed }) => ({ taskUUID: record.taskUUID, imageUUID, seed }),
        errorItem: (record) => ({ code: record.error?.code, taskUUID: record.taskUUID }),
        read: async () => ({ bytes: PIXELS }),
      },
      log: { info() {}, warn() {} },
      random: () => 0,
      pollMs: 50,
      webhookSecrets: SECRETS,
      ...options,
    });
    deliverers.push(started);
    return started;
  }

  /** Submits a task and finishes it, or fails it. */
  async function finish(fields: Partial<ImageInferenceTask>, end: "succeed" | "fail" = "succeed") {
    const sent = aTask(fields);
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    const { numberResults } = sent.task;
    if (end === "fail") await claim.fail({ error: tasks.error, death: false, again: false });
    else for (let i = 0; i < numberResults; i++) await claim.result(aResult(claim, i), i === numberResults - 1);
    claim.release();
    return { taskUUID: sent.task.taskUUID, claim };
  }

  const deliveries = (taskUUID: string) => tasks.service.deliveries("me", taskUUID);
  async function settled(taskUUID: string, state: string) {
    await expect
      .poll(async () => (await deliveries(taskUUID)).every((each) => each.state === state), { timeout: 15_000 })
      .toBe(true);
    return deliveries(taskUUID);
  }
  const dueNow = () => tasks.db.query("update deliveries set next_attempt_at = now() where state = 'pending'");

  test("one signed POST per result, in the wrapper, with every digit of the seed", async () => {
    const hook = await receiver();
    deliver();
    const { taskUUID } = await finish({
      webhookURL: `${hook.url}/hook?key=1`,
      numberResults: 2,
      seed: 9_007_199_254_740_993n,
    });
    const received = await hook.until(2);
    expect(received.map((one) => [one.method, one.path, one.headers["content-type"]])).toEqual([
      ["POST", "/hook?key=1", "application/json"],
      ["POST", "/hook?key=1", "application/json"],
    ]);
    for (const one of received) {
      for (const secret of SECRETS) new Webhook(secret).verify(one.body, one.headers as Record<string, string>);
      expect(() => new Webhook("whsec_b3RoZXI=").verify(one.body, one.headers as Record<string, string>)).toThrow();
      expect(JSON.parse(one.body.toString())).toMatchObject({ data: [{ taskUUID }] });
    }
    expect(received.map((one) => /"seed":(\d+)/.exec(one.body.toString())?.[1]).sort()).toEqual([
      "9007199254740993",
      "9007199254740994",
    ]);
    expect(await settled(taskUUID, "delivered")).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
  });

  test("flat bodies, unsigned, if configured", async () => {
    const hook = await receiver();
    deliver({ webhookBody: "flat", webhookSecrets: [] });
    const { taskUUID, claim } = await finish({ webhookURL: hook.url });
    const [one] = await hook.until(1);
    expect(JSON.parse(one!.body.toString())).toEqual({
      taskUUID,
      imageUUID: aResult(claim, 0).imageUUID,
      seed: Number(claim.seed),
    });
    expect(one!.headers["webhook-signature"]).toBeUndefined();
  });

  test("a failed task sends its error", async () => {
    const hook = await receiver();
    deliver();
    const { taskUUID } = await finish({ webhookURL: hook.url }, "fail");
    const [one] = await hook.until(1);
    expect(JSON.parse(one!.body.toString())).toEqual({ errors: [{ code: "inferenceError", taskUUID }] });
  });

  test("an upload is a PUT of the raw bytes with their type", async () => {
    const bucket = await receiver();
    deliver();
    const { taskUUID, claim } = await finish({
      uploadEndpoint: `${bucket.url}/b/{imageUUID}-{index}.png?X-Amz-Signature=s`,
    });
    const [one] = await bucket.until(1);
    expect(one).toMatchObject({ method: "PUT", path: `/b/${aResult(claim, 0).imageUUID}-0.png?X-Amz-Signature=s` });
    expect(one!.body).toEqual(PIXELS);
    expect(one!.headers).toMatchObject({ "content-type": "image/png", "content-length": String(PIXELS.length) });
    expect(one!.headers["x-ms-blob-type"]).toBeUndefined();
    expect(one!.headers["webhook-signature"]).toBeUndefined();
    await settled(taskUUID, "delivered");
  });

  test("an upload to Azure declares a block blob", async () => {
    const bucket = await receiver((_, response) => response.writeHead(201).end());
    deliver();
    await finish({ uploadEndpoint: `${bucket.url}/c/a.png?sv=2024-01-01&sr=b&sig=abc` });
    expect((await bucket.until(1))[0]!.headers["x-ms-blob-type"]).toBe("BlockBlob");
  });

  test("a failing receiver is tried again with the same id; its failures are visible meanwhile", async () => {
    let broken = true;
    const hook = await receiver((_, response) => response.writeHead(broken ? 500 : 204).end());
    deliver();
    const { taskUUID } = await finish({ webhookURL: `${hook.url}/?token=secret` });
    await hook.until(1);
    await expect
      .poll(async () => (await deliveries(taskUUID))[0]?.lastError, { timeout: 15_000 })
      .toBe("The receiver answered with status 500.");
    const [seen] = await deliveries(taskUUID);
    expect(seen).toMatchObject({ kind: "webhook", state: "pending", attempts: 1 });
    expect(seen!.target).not.toContain("secret");
    expect(seen!.nextAttemptAt!.getTime()).toBeGreaterThan(Date.now() + 500);
    broken = false;
    await dueNow();
    const [first, second] = await hook.until(2);
    expect(second!.headers["webhook-id"]).toBe(first!.headers["webhook-id"]);
    expect(second!.body).toEqual(first!.body);
    expect(await settled(taskUUID, "delivered")).toMatchObject([{ attempts: 2 }]);
  });

  test("a redirect counts as a failure and is not followed", async () => {
    const other = await receiver();
    const hook = await receiver((_, response) => response.writeHead(307, { location: other.url }).end());
    deliver();
    const { taskUUID } = await finish({ webhookURL: hook.url });
    await expect.poll(async () => (await deliveries(taskUUID))[0]?.lastError, { timeout: 15_000 }).toContain("307");
    expect(other.received).toEqual([]);
  });

  test("410 Gone ends a webhook, a refused signature an upload", async () => {
    const gone = await receiver((_, response) => response.writeHead(410).end());
    const refusing = await receiver((_, response) => response.writeHead(403).end("expired"));
    deliver();
    const { taskUUID } = await finish({ webhookURL: gone.url, uploadEndpoint: refusing.url });
    expect((await settled(taskUUID, "failed")).map((each) => each.lastError)).toEqual([
      "The receiver answered with status 410.",
      "The receiver answered with status 403.",
    ]);
  });

  test("Retry-After is respected", async () => {
    const hook = await receiver((_, response) => response.writeHead(429, { "retry-after": "3000" }).end());
    deliver();
    const { taskUUID } = await finish({ webhookURL: hook.url });
    await expect.poll(async () => (await deliveries(taskUUID))[0]?.lastError, { timeout: 15_000 }).toContain("429");
    expect((await deliveries(taskUUID))[0]!.nextAttemptAt!.getTime()).toBeGreaterThan(Date.now() + 2_900_000);
  });

  test("a private address is never called", async () => {
    const inside = await receiver();
    deliver({ outbound: createOutbound() });
    const { taskUUID } = await finish({ webhookURL: inside.url });
    await expect
      .poll(async () => (await deliveries(taskUUID))[0]?.lastError, { timeout: 15_000 })
      .toBe("The address is not allowed or cannot be reached.");
    expect(inside.received).toEqual([]);
  });

  test("receivers that never answer delay neither tasks nor other receivers", async () => {
    const silent = await receiver(() => {});
    const hook = await receiver();
    deliver({ concurrency: 6, perHost: 2, timeoutMs: { webhook: 30_000, upload: 30_000 } });
    for (let i = 0; i < 5; i++) await finish({ webhookURL: silent.url });
    await silent.until(2);
    const before = Date.now();
    await finish({ webhookURL: hook.url });
    await hook.until(1);
    expect(Date.now() - before).toBeLessThan(20_000);
    expect(silent.received).toHaveLength(2);
  });

  test("an upload that takes longer than its lease is not sent twice by its process", async () => {
    const answers: (() => void)[] = [];
    const bucket = await receiver((_, response) => answers.push(() => response.end()));
    deliver();
    const { taskUUID } = await finish({ uploadEndpoint: `${bucket.url}/a.png` });
    await bucket.until(1);
    await dueNow(); // as when the lease has run out
    const hook = await receiver();
    const other = await finish({ webhookURL: hook.url });
    await hook.until(1);
    await settled(other.taskUUID, "delivered"); // the outbox has been looked through
    expect(bucket.received).toHaveLength(1);
    for (const answer of answers) answer();
    expect(await settled(taskUUID, "delivered")).toMatchObject([{ attempts: 1 }]);
    expect(bucket.received).toHaveLength(1);
  });

  test.each([
    [undefined, 180],
    [{ webhook: 300_000, upload: 30_000 }, 360],
  ])("with timeouts of %j an attempt reserves its row for %i seconds", async (timeoutMs, lease) => {
    const silent = await receiver(() => {});
    deliver({ ...(timeoutMs && { timeoutMs }) });
    await finish({ webhookURL: silent.url });
    await silent.until(1);
    const [row] = await tasks.db.query<{ left: number }>(
      "select extract(epoch from next_attempt_at - now())::float8 as left from deliveries",
    );
    expect(row!.left).toBeLessThanOrEqual(lease);
    expect(row!.left).toBeGreaterThan(lease - 50);
  });

  test("a delivery interrupted by a stop is sent after the next start, and does not count as failed", async () => {
    let silent = true;
    const hook = await receiver((_, response) => silent || response.end());
    const first = deliver();
    const { taskUUID } = await finish({ webhookURL: hook.url });
    await hook.until(1);
    await first.stop();
    expect(await deliveries(taskUUID)).toMatchObject([{ state: "pending", attempts: 0 }]);
    silent = false;
    deliver();
    await hook.until(2);
    expect(await settled(taskUUID, "delivered")).toMatchObject([{ attempts: 1 }]);
  });

  test("an attempt cut off by a crash is repeated: at the next start, or after its lease if other servers share the database", async () => {
    const hook = await receiver();
    const { taskUUID } = await finish({ webhookURL: hook.url });
    await tasks.db.query(
      "update deliveries set attempts = 1, taken = true, next_attempt_at = now() + interval '180 seconds'",
    ); // as takeDue leaves it
    deliver();
    if (database.name === "postgres") {
      const other = await receiver();
      const later = await finish({ webhookURL: other.url });
      await settled(later.taskUUID, "delivered"); // time enough for what does not wait for its lease
      expect(hook.received).toEqual([]);
      await dueNow();
    }
    await hook.until(1);
    expect(await settled(taskUUID, "delivered")).toMatchObject([{ attempts: 2 }]);
  });

  test("a delivery of a deleted task is dropped", async () => {
    const hook = await receiver();
    const { taskUUID } = await finish({ webhookURL: hook.url });
    await tasks.db.script("truncate tasks cascade");
    deliver();
    expect(await settled(taskUUID, "failed")).toMatchObject([{ lastError: "The task has been deleted." }]);
    expect(hook.received).toEqual([]);
  });
});

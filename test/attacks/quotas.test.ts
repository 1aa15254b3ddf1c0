/**
 * A key stores, sends and has fetched as much as it can. Held to: what the operator allows one key, told with 429 and Retry-After, while
 * another key is served.
 */

import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { expect, test } from "vitest";
import { rawClient } from "../contract/raw-client.ts";
import { metricsOf } from "../support/metrics.ts";
import { startReceiver } from "../support/receiver.ts";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { frame, frameHead, openSocket } from "./raw-socket.ts";
import { aTask, KEY, OTHER_KEY, onEachDatabase, post } from "./victim.ts";

const SMALL = (
  await sharp({ create: { width: 64, height: 64, channels: 3, background: "#123456" } })
    .png()
    .toBuffer()
).toString("base64");

const upload = (image: string) => ({ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image });

onEachDatabase("quotas of a key", (start) => {
  test("images stored: beyond the limit none are accepted or generated, known tasks stay known, deleting makes room", async () => {
    const { base } = await start({ INKSTONE_KEY_STORAGE_MB: "1" });
    const raw = { width: 700, height: 700, channels: 3 as const };
    const pixels = Buffer.from(Uint8Array.from({ length: 700 * 700 * 3 }, (_, i) => (i * 2_654_435_761) >>> 13));
    const large = (await sharp(pixels, { raw }).png({ compressionLevel: 0 }).toBuffer()).toString("base64");
    const before = aTask();
    await post(base, JSON.stringify([before]));
    const first = await post(base, JSON.stringify([upload(large)]));
    expect(first.status, first.text).toBe(200);

    for (const refused of [aTask(), upload(SMALL)]) {
      const { status, headers, body } = await post(base, JSON.stringify([refused]));
      expect([status, body.error.code, headers.get("retry-after")]).toEqual([429, "quotaExceeded", "60"]);
    }
    expect((await post(base, JSON.stringify([before]))).status).toBe(200);
    expect((await post(base, JSON.stringify([aTask()]), OTHER_KEY)).status).toBe(200);
    const metrics = await metricsOf(base);
    expect(metrics).toMatch(/inkstone_errors_total\{code="quotaExceeded"\} 2/);

    const { imageUUID } = first.body.data[0];
    const deletion = { taskType: "mediaStorage", taskUUID: crypto.randomUUID(), operation: "delete", media: imageUUID };
    expect((await post(base, JSON.stringify([deletion]))).status).toBe(200);
    expect((await post(base, JSON.stringify([aTask()]))).status).toBe(200);
  });

  test("bodies at the same time: one is always accepted, those above the limit are refused unread", async () => {
    const { base } = await start({ INKSTONE_KEY_UPLOAD_MB: "1" });
    const { host } = new URL(base);
    const head = (bytes: number, key: string) =>
      `POST /v1 HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\nExpect: 100-continue\r\n\r\n`;
    const isTaken = /^HTTP\/1.1 100 Continue\r\n\r\n$/; // the server has begun to read it
    // Larger than allowed, but alone; it never ends.
    const slow = rawClient(base, `${head(30e6, KEY)}[`);
    await expect.poll(slow.received, { timeout: 20_000 }).toMatch(isTaken);
    const [second, other] = [rawClient(base, head(1e6, KEY)), rawClient(base, head(1e6, OTHER_KEY))];
    await expect.poll(() => second.received(), { timeout: 20_000 }).toContain("quotaExceeded");
    expect(second.received()).toMatch(/HTTP\/1.1 429 [\s\S]*retry-after: 2/i);
    await expect.poll(other.received, { timeout: 20_000 }).toMatch(isTaken);
    expect((await post(base, JSON.stringify([aTask()]))).status).toBe(200);
    slow.socket.destroy();
    await expect
      .poll(async () => (await post(base, JSON.stringify([aTask({ positivePrompt: "a".repeat(70_000) })]))).status, {
        timeout: 20_000,
      })
      .not.toBe(429);
    for (const { socket } of [second, other]) socket.destroy();
  });

  test("frames at the same time: a second large one is refused and its socket closed; bodies and frames count together", async () => {
    const { base } = await start({ INKSTONE_KEY_UPLOAD_MB: "1" });
    // Larger than allowed, but alone; it never ends.
    const slow = await openSocket(base, KEY);
    slow.socket.write(Buffer.concat([frameHead(30e6), Buffer.alloc(3e6, " ")]));
    await expect.poll(async () => (await post(base, " ".repeat(100_000))).status, { timeout: 20_000 }).toBe(429);

    const [second, other] = await Promise.all([openSocket(base, KEY), openSocket(base, OTHER_KEY)]);
    for (const { socket } of [second, other])
      socket.write(Buffer.concat([frameHead(30e6), Buffer.alloc(200_000, " ")]));
    await second.closed;
    expect(second.received()).toMatch(/"code":"quotaExceeded".*"retryAfter":2/);
    expect(other.received()).toBe("");
    expect((await post(base, JSON.stringify([aTask()]))).status).toBe(200);

    for (const { socket } of [slow, other]) socket.destroy();
    await expect.poll(async () => (await post(base, " ".repeat(100_000))).status, { timeout: 20_000 }).toBe(400);
  });

  test("many frames on one socket: of 240 MB the server reads 16, the size of the quota, until they are parsed", async () => {
    const { base, residentMB } = await start({ INKSTONE_KEY_UPLOAD_MB: "16" });
    await post(base, " ".repeat(1e6)); // begins the thread for large bodies
    const before = await residentMB();
    const { socket, received } = await openSocket(base, KEY);
    const large = frame(JSON.stringify([upload("A".repeat(8e6))]));
    let [taken, mostHeld, mostMB] = [0, 0, 0];
    const waited = await whileOthersAsk(base, OTHER_KEY, async () => {
      for (let i = 0; i < 30; i++) socket.write(large, () => (taken += large.length));
      for (let answers = 0; answers < 30; await sleep(5)) {
        answers = received().match(/"errors"/g)?.length ?? 0;
        mostHeld = Math.max(mostHeld, taken - answers * large.length);
        mostMB = Math.max(mostMB, await residentMB());
      }
    });
    socket.destroy();
    // Up to 10 MB lie in the kernel.
    expect(mostHeld / 1e6).toBeLessThan(40);
    // Besides them there is what the two heaps have not collected yet: 61 to 167 MB measured, 421 MB before frames were counted.
    expect(mostMB - before).toBeLessThan(220);
    expect(waited.median).toBeLessThan(MOST_MS);
  });

  test("images downloaded at the same time: a key whose hosts never answer leaves room for others", async () => {
    const { base } = await start();
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const hanging = new AbortController();
    const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
    for (let i = 0; i < 6; i++) {
      const body = JSON.stringify([upload(`http://127.0.0.1:${port}/${i}.png`)]);
      void fetch(`${base}/v1`, { method: "POST", headers, body, signal: hanging.signal }).catch(() => {});
    }
    await expect.poll(() => sockets.length, { timeout: 20_000 }).toBe(2);
    const files = await startReceiver((_, response) => void response.end(Buffer.from(SMALL, "base64")));
    expect((await post(base, JSON.stringify([upload(`${files.url}/a.png`)]), OTHER_KEY)).status).toBe(200);
    expect(sockets.length).toBe(2);
    hanging.abort();
    for (const socket of sockets) socket.destroy();
    silent.close();
    await files.close();
  });
});

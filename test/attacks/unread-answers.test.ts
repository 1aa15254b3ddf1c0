/** A client asks for large answers over a socket and reads none of them. Held to: 60 MB for 150 of them, of 8 MB each. */

import { connect } from "node:net";
import sharp from "sharp";
import { expect, test } from "vitest";
import { aTask, KEY, onEachDatabase, post } from "./victim.ts";

const noise = async (width: number): Promise<string> => {
  const pixels = Buffer.alloc(width * width * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 2_654_435_761) >>> 13;
  const png = await sharp(pixels, { raw: { width, height: width, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  return png.toString("base64");
};

/** A masked text frame. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

onEachDatabase("unread answers", (start) => {
  test("150 details of a task with a large seed image", async () => {
    const { base, residentMB } = await start();
    const task = aTask({ inputs: { seedImage: await noise(1400), strength: 0.5 }, deliveryMethod: "async" });
    const sent = await post(base, JSON.stringify([task]));
    expect(sent.status).toBe(200);
    const details = JSON.stringify([{ taskType: "getTaskDetails", taskUUID: task.taskUUID }]);
    const one = await post(base, details);
    // The picture is named, not repeated.
    expect(one.text.length).toBeLessThan(3_000);
    expect(one.body.data[0].request[0].inputs.seedImage).toMatch(/^[0-9a-f-]{36}$/);

    const before = await residentMB();
    const { hostname, port } = new URL(base);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET /v1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    for (let i = 0; i < 150; i++) socket.write(frame(details));
    for (let i = 0; i < 50; i++) await post(base, details); // by then it has read them
    expect((await residentMB()) - before).toBeLessThan(60);
    socket.destroy();
  });
});

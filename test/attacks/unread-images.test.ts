/** Many downloads of large images that nobody takes. Held to: 100 MB for sixty of 5 MB each, which are 300; others are answered within 250 ms meanwhile. */

import { connect, type Socket } from "node:net";
import sharp from "sharp";
import { expect, test } from "vitest";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { OTHER_KEY, onEachDatabase, post } from "./victim.ts";

onEachDatabase("unread images", (start) => {
  test("sixty sockets that request images and do not read", async () => {
    const { base, residentMB } = await start();
    const pixels = Buffer.alloc(1300 * 1300 * 3);
    for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 2_654_435_761) >>> 13;
    const raw = { width: 1300, height: 1300, channels: 3 as const };
    const image = (await sharp(pixels, { raw }).png({ compressionLevel: 0 }).toBuffer()).toString("base64");
    const upload = { taskType: "imageUpload", taskUUID: crypto.randomUUID(), image };
    const { body } = await post(base, JSON.stringify([upload]));
    const { pathname, hostname, port } = new URL(body.data[0].imageURL);

    // One that is taken is whole.
    const whole = Buffer.from(await (await fetch(body.data[0].imageURL)).arrayBuffer());
    expect(whole.toString("base64")).toBe(image);

    const before = await residentMB();
    const sockets: Socket[] = [];
    const waited = await whileOthersAsk(base, OTHER_KEY, async () => {
      for (let i = 0; i < 60; i++) {
        const socket = connect(Number(port), hostname);
        socket.on("error", () => {});
        socket.write(`GET ${pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        socket.pause();
        sockets.push(socket);
      }
      for (let i = 0; i < 50; i++) await (await fetch(`${base}/healthz`)).text(); // by then it has answered what it can
    });
    expect(waited.median).toBeLessThan(MOST_MS);
    expect((await residentMB()) - before).toBeLessThan(100);
    for (const socket of sockets) socket.destroy();
  });
});

/** A client asks for large answers over a socket and reads none of them. Held to: 60 MB for 150 of them, of 8 MB each; others are answered within 250 ms meanwhile. */

import sharp from "sharp";
import { expect, test } from "vitest";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { frame, openSocket } from "./raw-socket.ts";
import { aTask, KEY, OTHER_KEY, onEachDatabase, post } from "./victim.ts";

const noise = async (width: number): Promise<string> => {
  const pixels = Buffer.alloc(width * width * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 2_654_435_761) >>> 13;
  const png = await sharp(pixels, { raw: { width, height: width, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  return png.toString("base64");
};

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
    const { socket } = await openSocket(base, KEY);
    socket.pause();
    const waited = await whileOthersAsk(base, OTHER_KEY, async () => {
      for (let i = 0; i < 150; i++) socket.write(frame(details));
      for (let i = 0; i < 50; i++) await post(base, details); // by then it has read them
    });
    expect(waited.median).toBeLessThan(MOST_MS);
    expect((await residentMB()) - before).toBeLessThan(60);
    socket.destroy();
  });
});

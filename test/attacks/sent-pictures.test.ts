/** Rounds of tasks with large pictures inside, on the embedded database. Held to: a database that does not grow after the first rounds; others are answered within 250 ms meanwhile. */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { aTask, OTHER_KEY, onEachDatabase, post } from "./victim.ts";

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }) => {
      return (await stat(join(parentPath, name)).catch(() => ({ size: 0 }))).size;
    });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

onEachDatabase("sent pictures", (start) => {
  test("50 rounds of 2 MB each", async () => {
    const { base, folder } = await start();
    const pixels = Buffer.alloc(800 * 800 * 3);
    const round = async (number: number) => {
      for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 2_654_435_761 + number) >>> 11;
      const raw = { width: 800, height: 800, channels: 3 as const };
      const seedImage = (await sharp(pixels, { raw }).png({ compressionLevel: 0 }).toBuffer()).toString("base64");
      const task = aTask({ inputs: { seedImage, strength: 0.5 } });
      const { status, text } = await post(base, JSON.stringify([task]));
      expect(status, text).toBe(200);
    };
    for (let i = 0; i < 5; i++) await round(i);
    const database = join(folder, "database");
    const before = await bytesIn(database);
    const images = await bytesIn(join(folder, "images"));
    const waited = await whileOthersAsk(base, OTHER_KEY, async () => {
      for (let i = 5; i < 55; i++) await round(i);
    });
    expect(waited.median).toBeLessThan(MOST_MS);
    expect((await bytesIn(database)) - before).toBeLessThan(2e6);
    // Each picture is there once, as the bytes that it is.
    expect((await bytesIn(join(folder, "images"))) - images).toBeLessThan(50 * 2.1e6);
    // The same picture again takes no room.
    const full = await bytesIn(join(folder, "images"));
    await round(54);
    expect((await bytesIn(join(folder, "images"))) - full).toBeLessThan(300_000);
  });
});

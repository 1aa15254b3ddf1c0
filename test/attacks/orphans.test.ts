/** Processes that are killed between storing a picture and recording it. Held to: no file that nobody can ask for stays longer than a day. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FileStore, openDisk } from "../../src/server/storage/index.ts";
import { sweepOrphans } from "../../src/server/storage/orphans.ts";
import { thumbnailNames } from "../../src/server/storage/thumbnails.ts";
import { onEachDatabase } from "../support/on-each-database.ts";

const BYTES = Buffer.from("a picture");

onEachDatabase("orphaned files", (tasks) => {
  let folder: string;
  let files: FileStore;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-orphans-"));
    files = await openDisk(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const stored = async () => (await readdir(folder, { recursive: true })).filter((name) => name.includes(".")).length;
  const tomorrow = () => Date.now() + 25 * 3600 * 1000;
  const record = (uuid: string) =>
    tasks.db.query(
      `insert into images (image_uuid, owner, output_format, file_name, content_type, width, height, byte_length, delete_at)
       values ($1, 'me', 'WEBP', $2, 'image/webp', 8, 8, 9, now() + interval '9 days')`,
      [uuid, `${uuid}.webp`],
    );

  test("they are deleted after a day, images and their thumbnails stay; files of another database stay too", async () => {
    const [kept, lost] = [crypto.randomUUID(), crypto.randomUUID()];
    const [small, lostSmall] = [thumbnailNames(kept)[1]!, thumbnailNames(lost)[1]!];
    for (const name of [`${kept}.webp`, small, `${lost}.webp`, lostSmall, `${crypto.randomUUID()}.png`]) {
      await files.put(name, BYTES);
    }
    expect(await sweepOrphans(tasks.db, files, tomorrow)).toBe(0);
    await record(kept);
    expect(await sweepOrphans(tasks.db, files)).toBe(0);
    expect(await stored()).toBe(5);
    expect(await sweepOrphans(tasks.db, files, tomorrow)).toBe(3);
    expect(await files.get(`${kept}.webp`)).toBeDefined();
    expect(await files.get(small)).toBeDefined();
    expect(await stored()).toBe(2);
  });
});

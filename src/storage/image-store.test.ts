import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../../test/support/databases.ts";
import { aTask, openTasks } from "../../test/support/tasks.ts";
import type { Database } from "../database/index.ts";
import { encodeImage, type ImageFormat, readHeader } from "../images/index.ts";
import { createOutbound } from "../net/index.ts";
import { TaskError } from "../protocol/index.ts";
import { createImageReferences, createImageStore, type FileStore, type ImageStore, openDisk } from "./index.ts";

const embedded = TEST_DATABASES[0]!;
let opened: Awaited<ReturnType<typeof embedded.open>>;
let db: Database;
let folder: string;
let files: FileStore;
let images: ImageStore;

beforeAll(async () => {
  opened = await embedded.open();
  db = opened.db;
  folder = await mkdtemp(join(tmpdir(), "inkstone-images-"));
  files = await openDisk(folder);
  images = createImageStore(db, files);
});
beforeEach(() => db.script("truncate tasks, images cascade"));
afterAll(async () => {
  await opened?.drop();
  await rm(folder, { recursive: true, force: true });
});

const picture = (format: ImageFormat = "PNG", side = 8) =>
  encodeImage({ width: side, height: side, pixels: new Uint8Array(side * side * 3).fill(90) }, { format });

async function upload(owner = "me") {
  const bytes = await picture();
  return images.addUpload(owner, bytes, await readHeader(bytes));
}

describe("uploads", () => {
  test("are found by file name, and by UUID for their owner only, in any letter case", async () => {
    const { imageUUID, fileName } = await upload();
    expect(fileName).toBe(`${imageUUID}.png`);
    expect((await images.read(fileName))?.contentType).toBe("image/png");
    expect(await images.readOwned("me", imageUUID.toUpperCase())).toBeDefined();
    expect(await images.readOwned("you", imageUUID)).toBeUndefined();
    expect(await images.read(`${imageUUID}.jpg`)).toBeUndefined();
  });

  test("live 30 days after their last use", async () => {
    const { imageUUID, fileName } = await upload();
    await db.query("update images set delete_at = now() + interval '1 second'");
    await images.readOwned("me", imageUUID);
    const [row] = await db.query<{ days: number }>(
      "select extract(day from delete_at - now())::int as days from images",
    );
    expect(row?.days).toBeGreaterThanOrEqual(29);
    await db.query("update images set delete_at = now() - interval '1 second'");
    expect(await images.readOwned("me", imageUUID)).toBeUndefined();
    expect(await images.read(fileName)).toBeUndefined();
  });
});

describe("sweep", () => {
  test("deletes the file when its time is over, and the row once its task is gone", async () => {
    const tasks = await openTasks(db);
    const sent = aTask({ ttl: 60 });
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    const { imageUUID, fileName } = await upload();
    await images.sweep();
    await claim.result(
      {
        index: 0,
        imageUUID: "a",
        fileName,
        seed: 1n,
        outputFormat: "PNG",
        contentType: "image/png",
        width: 8,
        height: 8,
        byteLength: 1,
        cost: 0,
        keepSeconds: 60,
      },
      true,
    );
    claim.release();
    await db.query("delete from images where image_uuid = $1", [imageUUID]);
    expect(await images.sweep()).toBe(0);
    await db.query("update images set delete_at = now()");
    expect(await images.sweep()).toBe(1);
    expect(await files.get(fileName)).toBeUndefined();
    expect((await tasks.service.get("me", sent.task.taskUUID))?.results).toHaveLength(1);
    await db.query("delete from tasks");
    await images.sweep();
    expect(await db.query("select * from images")).toEqual([]);
    await tasks.close();
  });
});

describe("image references", () => {
  let server: Server;
  let base: string;
  beforeAll(async () => {
    server = createServer(async (request, response) => {
      if (request.url === "/a.png") response.end(await picture());
      else if (request.url === "/moved") response.writeHead(302, { location: "/a.png" }).end();
      else if (request.url === "/large") response.end(Buffer.alloc(300_000));
      else response.writeHead(404).end("no");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const references = (allow: readonly string[] = ["127.0.0.1"]) =>
    createImageReferences(images, createOutbound({ allow }), { maxBytes: 200_000, maxPixels: 10_000 });
  const load = (reference: string, allow?: readonly string[]) =>
    references(allow).load("me", reference, "inputs.seedImage");

  test("UUID, URL, data URI and base64 lead to the same bytes", async () => {
    const { imageUUID } = await upload();
    const base64 = Buffer.from(await picture()).toString("base64");
    const ways = [imageUUID, `${base}/a.png`, `data:image/png;base64,${base64}`, base64];
    for (const way of ways) {
      const { bytes, header } = await load(way);
      expect(Buffer.from(bytes).toString("base64")).toBe(base64);
      expect(header).toMatchObject({ format: "PNG", width: 8, height: 8 });
    }
  });

  test.each([
    ["someone else's image", "8f9b0e9e-0b8d-4c8f-9a65-3a1c2d1e4f5a", "invalidSeedImage"],
    ["nonsense", "not an image!", "invalidSeedImage"],
    ["base64 of text", Buffer.from("hello").toString("base64"), "invalidSeedImage"],
    ["a data URI of another kind", "data:image/svg+xml;base64,PHN2Zz4=", "invalidSeedImage"],
    ["too much base64", "A".repeat(400_000), "invalidSeedImage"],
  ])("%s", async (_, reference, code) => {
    const error = await load(reference).catch((failure) => failure);
    expect(error).toBeInstanceOf(TaskError);
    expect(error.body).toMatchObject({ code, parameter: "inputs.seedImage" });
  });

  test("too many pixels are refused by the header", async () => {
    await expect(load(Buffer.from(await picture("PNG", 200)).toString("base64"))).rejects.toThrow("200×200");
  });

  test.each(["/none", "/moved", "/large"])("a download that fails: %s", async (path) => {
    await expect(load(base + path)).rejects.toMatchObject({ code: "downloadFailed" });
  });

  test("an address inside is not reached, and looks like one that is down", async () => {
    const inside = await load(`${base}/a.png`, []).catch((failure) => failure);
    const down = await load("http://127.0.0.1:1/a.png").catch((failure) => failure);
    expect(inside.body).toEqual(down.body);
    expect(inside.code).toBe("downloadFailed");
  });
});

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../../../test/support/databases.ts";
import { startReceiver } from "../../../test/support/receiver.ts";
import { aTask, openTasks } from "../../../test/support/tasks.ts";
import { encodeImage, type ImageFormat, readHeader } from "../../pictures/index.ts";
import { TaskError } from "../../protocol/index.ts";
import type { Database } from "../database/index.ts";
import { createOutbound } from "../net/index.ts";
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

const picture = (format: ImageFormat = "PNG", width = 8, height = width) =>
  encodeImage({ width, height, pixels: new Uint8Array(width * height * 3).fill(90) }, { format });

async function upload(owner = "me", bytes?: Uint8Array) {
  bytes ??= await picture();
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

  test("report their remaining seconds", async () => {
    const { fileName } = await upload();
    const days = 24 * 3600;
    expect((await images.read(fileName))?.secondsLeft).toBeGreaterThan(29 * days);
    await db.query("update images set delete_at = now() + interval '1000 seconds'");
    const { secondsLeft } = (await images.read(fileName))!;
    expect(Number.isInteger(secondsLeft)).toBe(true);
    expect(secondsLeft).toBeLessThanOrEqual(1000);
    expect(secondsLeft).toBeGreaterThan(900);
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
  test("deletes an expired file, and its row after the task is deleted", async () => {
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
      else if (places[request.url!]) response.writeHead(302, { location: places[request.url!] }).end();
      else if (request.url === "/large") response.end(Buffer.alloc(300_000));
      else response.writeHead(404).end("no");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  /** Where the paths of the server lead on to. */
  const places: Readonly<Record<string, string>> = {
    "/hop1": "/a.png",
    "/hop2": "/hop1",
    "/hop3": "/hop2",
    "/hop4": "/hop3",
    "/hop5": "/hop4",
    "/hop6": "/hop5",
    "/round": "/round",
    "/private": "http://10.0.0.1/a.png",
    "/local": "http://localhost/a.png",
    "/file": "file:///etc/passwd",
    "/password": "http://me:secret@127.0.0.1/a.png",
  };

  const references = (allow: readonly string[] = ["127.0.0.1"], maxPixels = 10_000) =>
    createImageReferences(images, createOutbound({ allow }), { maxBytes: 200_000, maxPixels });
  const load = (reference: string, allow?: readonly string[]) =>
    references(allow).load("me", reference, "inputs.seedImage");

  test("UUID, URL, data URI and base64 give the same bytes", async () => {
    const { imageUUID } = await upload();
    const base64 = Buffer.from(await picture()).toString("base64");
    const uri = `data:application/octet-stream;name=a;base64,${base64}`;
    const ways = [
      imageUUID,
      imageUUID.toUpperCase(),
      `${base}/a.png`,
      `data:image/png;base64,${base64}`,
      uri,
      ` ${base64}`,
      base64,
    ];
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

  test("an image is decoded within the configured limit, and refused by name above it", async () => {
    const reference = Buffer.from(await picture("PNG", 101, 100)).toString("base64");
    const decode = (maxPixels: number) =>
      references([], maxPixels).loadPicture("me", reference, "controlNet.0.guideImage");
    await expect(decode(10_000)).rejects.toMatchObject({
      code: "invalidControlNetGuideImage",
      facts: { parameter: "controlNet.0.guideImage" },
      message: expect.stringContaining("101×100"),
    });
    expect((await decode(10_100)).picture).toMatchObject({ width: 101, height: 100, format: "PNG" });
  });

  test.each(["PNG", "JPG"] as const)("a %s without its end has a header, and no pixels", async (format) => {
    const whole = await picture(format, 64);
    const reference = Buffer.from(whole.subarray(0, whole.length - 30)).toString("base64");
    expect((await load(reference)).header).toMatchObject({ format, width: 64, height: 64 });
    await expect(references().loadPicture("me", reference, "inputs.maskImage")).rejects.toMatchObject({
      code: "invalidMaskImage",
      facts: { parameter: "inputs.maskImage" },
      message: expect.stringContaining("damaged or incomplete"),
    });
  });

  test("up to five redirects of an image's address are followed", async () => {
    for (const path of ["/hop1", "/hop5"]) {
      expect((await load(base + path)).header).toMatchObject({ format: "PNG", width: 8, height: 8 });
    }
  });

  test.each([
    ["/none", /status 404/],
    ["/large", /larger than 200000 bytes/],
    ["/hop6", /redirects too often/],
    ["/round", /redirects too often/],
    ["/private", /not allowed or cannot be reached/],
    ["/local", /not allowed or cannot be reached/],
    ["/file", /Only http and https/],
    ["/password", /credentials/],
  ])("a download that fails: %s", async (path, message) => {
    const failure = { code: "downloadFailed", message: expect.stringMatching(message) };
    await expect(load(base + path)).rejects.toMatchObject(failure);
  });

  test("four downloads at the same time; an aborted one ends alone, or leaves the queue", async () => {
    const held = new Map<string, ServerResponse>();
    const slow = await startReceiver(({ path }, response) => held.set(path, response));
    const abort = new AbortController();
    const all = references();
    const loads = [0, 1, 2, 3, 4, 5].map((i) =>
      all.load("me", `${slow.url}/${i}`, "image", i === 0 || i === 4 ? abort.signal : undefined),
    );
    const settled = Promise.allSettled(loads);
    await slow.until(4);
    await expect(load(`${base}/none`)).rejects.toThrow(); // time enough for what does not wait its turn
    expect([...held.keys()].sort()).toEqual(["/0", "/1", "/2", "/3"]);
    const cut = once(held.get("/0")!, "close");
    abort.abort(new Error("gone"));
    for (const i of [0, 4]) await expect(loads[i]).rejects.toThrow("gone");
    await cut;
    await slow.until(5);
    for (const response of held.values()) response.end(await picture());
    expect((await settled).map(({ status }) => status === "fulfilled")).toEqual([false, true, true, true, false, true]);
    expect([...held.keys()].at(-1)).toBe("/5");
    await slow.close();
  });

  test("an image address of this server is read from the store, whatever its host, for every caller that knows it", async () => {
    const { fileName } = await upload("you");
    const store = createImageReferences(images, createOutbound(), { imageUrl: "https://cdn.example.com/ink" });
    for (const address of [
      `http://127.0.0.1:7437/images/${fileName}`,
      `https://studio.local/tools/images/${fileName}?v=1#top`,
      `https://cdn.example.com/ink/${fileName}`,
      `http://10.0.0.1:9000/bucket/ink/${fileName}?X-Amz-Expires=900&X-Amz-Signature=00`,
    ]) {
      expect((await store.load("me", address, "image")).header).toMatchObject({ width: 8, height: 8 });
    }
  });

  test("an image finds its row among those of the owner, by UUID or by address", async () => {
    const mine = await upload("me");
    const yours = await upload("you", await picture("PNG", 9));
    const imageOf = async (reference: string) => (await references().loadPicture("me", reference, "image")).imageUUID;
    expect(await imageOf(mine.imageUUID.toUpperCase())).toBe(mine.imageUUID);
    expect(await imageOf(`http://studio.local/images/${mine.fileName}`)).toBe(mine.imageUUID);
    expect(await imageOf(`http://studio.local/images/${yours.fileName}`)).toBeUndefined();
    expect(await imageOf(Buffer.from(await picture()).toString("base64"))).toBeUndefined();
  });

  test.each(["/images/a.png", "/other/NAME", "/images/NAME?side=160", "/images/NONE"])(
    "an address that only looks like one of this server is downloaded: %s",
    async (path) => {
      const { fileName } = await upload();
      const none = `${randomUUID()}.png`;
      const address = `http://127.0.0.1:9${path.replace("NAME", fileName).replace("NONE", none)}`;
      const error = await load(address).catch((failure) => failure);
      expect(error).toMatchObject({ code: "downloadFailed" });
      if (path === "/images/NONE") expect(error.message).toContain("No image of that name is stored here");
      else expect(error.message).not.toContain("stored here");
    },
  );

  test("the owner's use of an upload by its address extends its life", async () => {
    const { fileName } = await upload();
    await db.query("update images set delete_at = now() + interval '5 seconds'");
    await load(`http://127.0.0.1:9/images/${fileName}`);
    expect((await images.read(fileName))?.secondsLeft).toBeGreaterThan(29 * 24 * 3600);
  });

  test("a private address is not reached, and looks like an unreachable one", async () => {
    const inside = await load(`${base}/a.png`, []).catch((failure) => failure);
    const down = await load("http://127.0.0.1:1/a.png").catch((failure) => failure);
    expect(inside.body).toEqual(down.body);
    expect(inside.code).toBe("downloadFailed");
  });
});

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inkstone } from "../../../test/cli.ts";
import { NO_S3, type S3Server, startS3Server } from "../../../test/support/s3-server.ts";
import type { ListedFile } from "./files.ts";
import { openDisk, StorageUnavailableError } from "./index.ts";
import { openS3 } from "./s3.ts";

describe.skipIf(NO_S3)("files in a bucket", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server();
  });
  afterAll(() => server?.remove());

  const name = () => `${randomUUID()}.png`;
  const bytes = Buffer.from("picture");
  const open = (prefix = "ink/stone") =>
    openS3({ bucket: server.bucket, prefix, endpoint: server.endpoint, region: "us-east-1" });

  test("a stored object can be read under its prefix until it is deleted, also by another server", async () => {
    const file = name();
    await (await open()).put(file, bytes);
    expect(existsSync(join(server.folder, "ink/stone", file))).toBe(true);
    const store = await open();
    expect(Buffer.from((await store.get(file))!)).toEqual(bytes);
    expect(await (await open("")).get(file)).toBeUndefined();
    await store.delete(file);
    await store.delete(file);
    expect(await store.get(file)).toBeUndefined();
  });

  test("a second write replaces the whole object, whatever its size", async () => {
    const store = await open();
    const file = name();
    const large = Buffer.alloc(20 * 2 ** 20, 7);
    await store.put(file, large);
    expect(Buffer.compare(Buffer.from((await store.get(file))!), large)).toBe(0);
    await store.put(file, bytes);
    expect(Buffer.from((await store.get(file))!)).toEqual(bytes);
  });

  test.each(["../../etc/passwd", "a.png", "", `${randomUUID()}.html`])(
    "'%s' is not the name of a stored file",
    async (bad) => {
      const store = await open();
      expect(await store.get(bad)).toBeUndefined();
      await expect(store.put(bad, bytes)).rejects.toThrow(RangeError);
    },
  );

  test("a presigned address serves the file without credentials", async () => {
    const store = await open();
    const file = name();
    await store.put(file, bytes);
    const response = await fetch(await store.presigned(file, 60));
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
  });

  test("an outage is a StorageUnavailableError; afterwards everything works again", async () => {
    const store = await open();
    const file = name();
    await server.stop();
    await expect(store.put(file, bytes)).rejects.toThrow(StorageUnavailableError);
    await expect(store.get(file)).rejects.toThrow(StorageUnavailableError);
    await expect(store.delete(file)).rejects.toThrow(StorageUnavailableError);
    await server.start();
    await store.put(file, bytes);
    expect(await store.get(file)).toBeDefined();
  });

  test("a missing bucket is refused by name", async () => {
    const opening = openS3({ bucket: "nowhere", prefix: "", endpoint: server.endpoint, region: "us-east-1" });
    await expect(opening).rejects.toThrow(/nowhere/);
  });

  test("lists the files under its prefix, over several pages", { timeout: 120_000 }, async () => {
    const store = await open("listed");
    const files = Array.from({ length: 1010 }, name);
    // Straight into the server's folder: a thousand requests would only try its patience.
    await mkdir(join(server.folder, "listed"), { recursive: true });
    for (const file of files) await writeFile(join(server.folder, "listed", file), "four");
    await writeFile(join(server.folder, "listed", "notes.txt"), "mine");
    const listed: ListedFile[] = [];
    for await (const file of store.list()) listed.push(file);
    expect(listed.map((file) => file.name).sort()).toEqual(files.sort());
    expect(listed.every(({ length }) => length === 4)).toBe(true);
  });

  test("inkstone storage copy copies a folder of images into the bucket once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "inkstone-copy-"));
    const disk = await openDisk(join(folder, "images"));
    const files = [name(), name()];
    for (const file of files) await disk.put(file, bytes);
    const to = `s3://${server.bucket}/moved`;
    const run = () => inkstone(["storage", "copy", "--to", to, "--data-dir", folder, "--s3-endpoint", server.endpoint]);
    expect((await run()).out).toMatch(/^2 images copied \(0\.0 MB\), 0 already present/);
    expect((await run()).out).toMatch(/^0 images copied \(0\.0 MB\), 2 already present/);
    const store = await open("moved");
    for (const file of files) expect(Buffer.from((await store.get(file))!)).toEqual(bytes);
    await rm(folder, { recursive: true });
  });
});

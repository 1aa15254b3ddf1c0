/** Backup and restore as docs/operators/backup.md describes them: what was drawn is there again, and what was queued is drawn. */

import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TEST_DATABASES } from "../support/databases.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "../support/tasks.ts";

let folder: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-backup-"));
});
afterEach(async () => {
  await server?.kill();
  await rm(folder, { recursive: true, force: true });
});

const asynchronous = (steps: number) => aTask({ deliveryMethod: "async", outputFormat: "PNG", steps });

/** The bytes of the finished task's image, and of the one that waited when the copy was made. */
async function imagesOf(running: ServerProcess, ...tasks: ReturnType<typeof asynchronous>[]): Promise<Buffer[]> {
  const images: Buffer[] = [];
  for (const { task } of tasks) {
    const [image] = (await running.final(task.taskUUID)).data;
    const response = await fetch(image!.imageURL!);
    expect(response.status).toBe(200);
    images.push(Buffer.from(await response.arrayBuffer()));
  }
  return images;
}

test("embedded database: a copy of the stopped server's folder works in another place", async () => {
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  server = await startServerProcess(first);
  const [done, waiting] = [asynchronous(2), asynchronous(100)];
  await server.submit(done);
  const [image] = await imagesOf(server, done);
  await server.submit(waiting);
  server.child.kill("SIGTERM");
  server.child.kill("SIGTERM");
  await server.exited;
  await cp(first, second, { recursive: true });
  await rm(first, { recursive: true });

  server = await startServerProcess(second);
  const [again, drawn] = await imagesOf(server, done, waiting);
  expect(again).toEqual(image);
  expect(drawn!.length).toBeGreaterThan(0);
});

const postgres = TEST_DATABASES.find(({ name }) => name === "postgres")!;

test.skipIf(postgres.skip)("PostgreSQL: dump, images, restore into an empty database", async () => {
  const [before, after] = [await postgres.open(), await postgres.open()];
  try {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    server = await startServerProcess(first, { INKSTONE_DATABASE_URL: before.url! });
    const [done, waiting] = [asynchronous(2), asynchronous(100)];
    await server.submit(done);
    const [image] = await imagesOf(server, done);
    await server.submit(waiting);
    // The server runs on meanwhile.
    const dump = join(folder, "inkstone.dump");
    execFileSync("pg_dump", ["--format=custom", `--file=${dump}`, before.url!]);
    await cp(join(first, "images"), join(second, "images"), { recursive: true });
    await server.kill();

    execFileSync("pg_restore", ["--clean", "--if-exists", "--no-owner", `--dbname=${after.url}`, dump]);
    server = await startServerProcess(second, { INKSTONE_DATABASE_URL: after.url! });
    const [again, drawn] = await imagesOf(server, done, waiting);
    expect(again).toEqual(image);
    expect(drawn!.length).toBeGreaterThan(0);
  } finally {
    await server?.kill();
    await before.drop();
    await after.drop();
  }
});

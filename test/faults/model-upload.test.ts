/** Model uploads and the end of the server: kill -9 and SIGTERM in the middle of a download. */

import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { ServerProcess } from "../support/server-process.ts";
import { serversPerTest } from "../support/servers-per-test.ts";

vi.setConfig({ testTimeout: 240_000 }); // each starts up to three servers, on a machine that may be busy

let files: Server;
let downloadURL: string;
/** How many answers, from now on, break off in the middle and wait. */
let withheld = 0;
let requests = 0;
const { dataFolder, start: startProcess } = serversPerTest();

beforeAll(async () => {
  const lora = await readFile("test/fixtures/lora/files/peft.safetensors");
  files = createServer((_, response) => {
    requests++;
    response.writeHead(200, { "content-length": lora.length });
    if (withheld > 0) response.write(lora.subarray(0, lora.length / 2));
    else response.end(lora);
    withheld--;
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => files.once("listening", resolve));
  downloadURL = `http://127.0.0.1:${(files.address() as AddressInfo).port}/lora`;
});
afterAll(() => {
  files.close();
  files.closeAllConnections();
});
beforeEach(() => {
  [withheld, requests] = [0, 0];
});

async function start(env?: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const server = await startProcess(env);
  await server.ready; // it has taken up what the one before it left
  return server;
}

const anUpload = () => ({
  taskType: "modelUpload",
  taskUUID: crypto.randomUUID(),
  category: "lora",
  air: "me:sketch@1",
  name: "Sketch",
  downloadURL,
  deliveryMethod: "async",
});

/** Hands in an upload and waits until half of its file is there. */
async function halfWay(server: ServerProcess): Promise<string> {
  withheld = 1;
  const task = anUpload();
  expect((await server.post(JSON.stringify(task))).status).toBe(200);
  const progress = async () => (await server.standing(task.taskUUID)).data[0] as { progress?: number };
  await expect.poll(async () => (await progress()).progress, { timeout: 60_000 }).toBeGreaterThan(30);
  return task.taskUUID;
}

const installed = async () => (await readdir(join(dataFolder(), "models"))).sort();
const found = async (server: ServerProcess) => {
  const search = { taskType: "modelSearch", taskUUID: crypto.randomUUID(), search: "me:sketch@1" };
  const [item] = (await server.post(JSON.stringify(search))).body.data;
  return (item as unknown as { totalResults: number }).totalResults;
};

test("killed during a download, twice: each start begins it again, and no partial file remains", async () => {
  const first = await start();
  const taskUUID = await halfWay(first);
  await first.kill();
  expect(await installed()).toEqual([expect.stringMatching(/^\.receiving-.*-1$/), "stand-in"]);

  withheld = 1;
  const second = await start();
  await expect.poll(() => requests, { timeout: 60_000 }).toBe(2);
  expect(await second.standing(taskUUID)).toMatchObject({ data: [{ status: "processing", stage: "validated" }] });
  expect(await found(second)).toBe(0);
  await second.kill();

  const third = await start();
  expect(await third.final(taskUUID)).toMatchObject({ data: [{ status: "success", stage: "ready", taskUUID }] });
  expect(await found(third)).toBe(1);
  expect(await installed()).toEqual(["me+sketch@1", "stand-in"]);
  expect(requests).toBe(3);
});

test("killed at its last attempt: after the next start getResponse returns the failure and its reason", async () => {
  const first = await start({ INKSTONE_MAX_ATTEMPTS: "1" });
  const taskUUID = await halfWay(first);
  await first.kill();
  const second = await start({ INKSTONE_MAX_ATTEMPTS: "1" });
  const reason = expect.stringContaining("was lost too often");
  expect((await second.final(taskUUID)).errors).toMatchObject([{ code: "downloadFailed", message: reason, taskUUID }]);
  expect(requests).toBe(1);
});

test("SIGTERM returns it to the queue without losing an attempt", async () => {
  const env = { INKSTONE_SHUTDOWN_GRACE: "0", INKSTONE_MAX_ATTEMPTS: "1" };
  const first = await start(env);
  const taskUUID = await halfWay(first);
  first.child.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  expect(await installed()).toEqual(["stand-in"]);
  const second = await start(env);
  expect(await second.final(taskUUID)).toMatchObject({ data: [{ status: "success", stage: "ready" }] });
});

test("recorded results can be polled after a restart", async () => {
  const first = await start();
  const task = anUpload();
  await first.post(JSON.stringify(task));
  const told = await first.final(task.taskUUID);
  expect(told).toMatchObject({ data: [{ status: "success" }] });
  const twin = { ...task, taskUUID: crypto.randomUUID() };
  await first.post(JSON.stringify(twin));
  await first.final(twin.taskUUID);
  await first.kill();
  const second = await start();
  expect(await second.standing(task.taskUUID)).toEqual(told);
  expect((await second.standing(twin.taskUUID)).errors).toMatchObject([{ code: "modelAlreadyExists" }]);
  expect(requests).toBe(1);
});

/** A whole server on PostgreSQL; the same code on another database. */

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TEST_DATABASES } from "../support/databases.ts";
import { inference, post } from "./memory-app.ts";
import { type ContractServer, startContractServer } from "./server.ts";
import { login } from "./socket-client.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const { open, skip } = TEST_DATABASES.find(({ name }) => name === "postgres")!;
const small = { width: 128, height: 128, steps: 2 };

describe.skipIf(skip !== undefined)(`on PostgreSQL${skip === undefined ? "" : ` (skipped: ${skip})`}`, () => {
  let database: Awaited<ReturnType<typeof open>>;
  let server: ContractServer;
  const servers: ContractServer[] = [];
  const start = async (env: Record<string, string> = {}) => {
    const started = await startContractServer({ INKSTONE_DATABASE_URL: database.url!, ...env });
    servers.push(started);
    return started;
  };

  beforeAll(async () => {
    database = await open();
    server = await start();
  });
  afterAll(async () => {
    for (const each of servers) await each.stop();
    await database?.drop();
  });

  test("sync over HTTP, with exact seeds", async () => {
    const text = JSON.stringify([inference({ ...small, seed: 0, numberResults: 2 })]);
    const reply = await post(server.base, text.replace('"seed":0', '"seed":9223372036854775806'), { key: server.key });
    expect(reply.status).toBe(200);
    expect(reply.text).toContain('"seed":9223372036854775806');
    expect(reply.text).toContain('"seed":9223372036854775807');
  });

  test("frame by frame over WebSocket", async () => {
    const client = await login(server.socketUrl, { apiKey: server.key });
    const task = inference({ ...small, seed: 5, numberResults: 3 });
    client.send(task);
    const seeds = [await client.next(), await client.next(), await client.next()].map(({ data }) => data[0].seed);
    expect(seeds).toEqual([5, 6, 7]);
  });

  test("a second server knows the tasks of the first, and receives their end", async () => {
    const second = await start({ INKSTONE_DATA_DIR: server.folder });
    const task = inference({ ...small, steps: 20, deliveryMethod: "async" });
    await post(server.base, [task], { key: server.key });
    const poll = async () => {
      const { body } = await post(second.base, [{ taskType: "getResponse", taskUUID: task.taskUUID }], {
        key: second.key,
      });
      return body.data[0].status;
    };
    await expect.poll(poll, { timeout: 90_000 }).toBe("success");
  });
});

import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY, post } from "../../../test/contract/memory-app.ts";

const start = appsPerTest();

describe("keys", () => {
  test("by header or by task; the task has precedence; no authentication item in the reply", async () => {
    const { base } = await start();
    const authentication = { taskType: "authentication", apiKey: KEY };
    const { status, body } = await post(base, [authentication, inference()], { key: "wrong" });
    expect(status).toBe(200);
    expect(body.data).toHaveLength(1);
    const alone = await post(base, [authentication], { key: undefined });
    expect(alone.body.data[0]).toMatchObject({ taskType: "authentication", connectionSessionUUID: expect.any(String) });
  });

  test.each([
    ["wrong", "invalidApiKey"],
    [undefined, "missingApiKey"],
  ])("%s", async (key, code) => {
    const { base, tasks } = await start();
    const response = await fetch(`${base}/v1`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify([inference()]),
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code, taskType: "authentication" } });
    expect(tasks.records.size).toBe(0);
  });

  test("metrics: without keys for programs on this machine; with keys only for their holders", async () => {
    const [open, closed] = [await start({}, { keys: [] }), await start()];
    const status = async (base: string, headers: Record<string, string> = {}) =>
      (await fetch(`${base}/metrics`, { headers })).status;
    expect(await status(open.base)).toBe(200);
    expect(await status(open.base, { via: "1.1 a.example" })).toBe(403);
    // A proxy on this machine that leaves no trace looks like a program on it.
    expect(await status(closed.base)).toBe(401);
    expect(await status(closed.base, { authorization: "Bearer wrong" })).toBe(401);
    expect(await status(closed.base, { authorization: `Bearer ${KEY}` })).toBe(200);
  });

  test("another key cannot see a task", async () => {
    const { base } = await start({}, { keys: [KEY, "other"] });
    const task = inference();
    await post(base, [task]);
    const stranger = await post(base, [{ taskType: "getResponse", taskUUID: task.taskUUID }], { key: "other" });
    expect(stranger.status).toBe(404);
  });

  test("without keys: programs on this machine have access, pages of web sites and proxies do not", async () => {
    const { base } = await start({}, { keys: [] });
    const ask = (headers: Record<string, string>) =>
      fetch(`${base}/v1`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: '[{"taskType":"ping"}]',
      }).then(({ status }) => status);
    expect(await ask({})).toBe(200);
    expect(await ask({ authorization: "Bearer whatever" })).toBe(200);
    expect(await ask({ origin: "http://localhost:3000" })).toBe(200);
    expect(await ask({ origin: "https://example.com" })).toBe(403);
    expect(await ask({ "x-forwarded-for": "192.0.2.7" })).toBe(403);
    const refused = await fetch(`${base}/v1/tasks/x`, { method: "DELETE", headers: { origin: "https://example.com" } });
    expect(await refused.json()).toMatchObject({ error: { code: "forbidden" } });
  });
});

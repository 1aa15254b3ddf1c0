import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY } from "../../../test/contract/memory-app.ts";

const start = appsPerTest();

const PAGE = "http://localhost:3000";
const APP = "https://app.example";

const ask = (base: string, origin: string, path = "/v1") =>
  fetch(base + path, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, content-type",
    },
  });
const post = (base: string, origin: string, key?: string) =>
  fetch(`${base}/v1`, {
    method: "POST",
    headers: { origin, "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify([inference()]),
  });
const allowed = ({ headers }: Response) => headers.get("access-control-allow-origin");

test("pages from loopback and allowed origins can call the API without cookies; others cannot", async () => {
  const { base } = await start({ allowedOrigins: [APP] });
  for (const origin of [PAGE, "http://127.0.0.1:5173", "http://[::1]:8080", APP]) {
    const answer = await ask(base, origin);
    expect(answer.status).toBe(204);
    expect(allowed(answer)).toBe(origin);
    expect(answer.headers.get("vary")).toMatch(/origin/i);
    expect(answer.headers.get("access-control-allow-headers")).toMatch(/authorization, content-type/i);
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  }
  for (const origin of [
    "https://evil.example",
    "https://app.example.evil.example",
    "http://localhost.evil.example",
    "null",
  ]) {
    expect(allowed(await ask(base, origin))).toBeNull();
    expect(allowed(await post(base, origin, KEY))).toBeNull();
  }
  for (const path of ["/", "/metrics", "/v1x"]) expect(allowed(await ask(base, APP, path))).toBeNull();
});

test("such a page can read replies, refusals and event streams", async () => {
  const { base, tasks } = await start({ allowedOrigins: [APP] });
  const reply = await post(base, APP, KEY);
  expect([reply.status, allowed(reply)]).toEqual([200, APP]);
  const refusal = await post(base, APP, "wrong");
  expect([refusal.status, allowed(refusal)]).toEqual([401, APP]);
  const [taskUUID] = tasks.records.keys();
  const { data } = (await reply.json()) as { data: { taskUUID: string }[] };
  const events = await fetch(`${base}/v1/tasks/${data[0]!.taskUUID}/events`, {
    headers: { origin: APP, authorization: `Bearer ${KEY}` },
  });
  expect([taskUUID !== undefined, events.status, allowed(events)]).toEqual([true, 200, APP]);
  await events.body?.cancel();
});

describe("a server without keys", () => {
  test("answers pages from loopback; allowed origins get an error that asks for a key", async () => {
    const { base } = await start({ allowedOrigins: [APP] }, { keys: [] });
    expect((await post(base, PAGE)).status).toBe(200);
    const crossSite = { "sec-fetch-site": "cross-site" };
    const ping = { method: "POST", body: '[{"taskType":"ping"}]' };
    const bare = { "content-type": "application/json", ...crossSite };
    expect((await fetch(`${base}/v1`, { ...ping, headers: { ...bare, origin: PAGE } })).status).toBe(200);
    expect((await fetch(`${base}/v1`, { ...ping, headers: bare })).status).toBe(403);
    const refusal = await post(base, APP);
    expect([refusal.status, allowed(refusal)]).toEqual([403, APP]);
  });
});

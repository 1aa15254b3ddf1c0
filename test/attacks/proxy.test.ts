/** A server without keys behind a reverse proxy, which speaks for anybody. Held to: 403 for tasks, images made by nobody, and metrics. */

import { expect, test } from "vitest";
import { appsPerTest } from "../contract/apps-per-test.ts";
import { inference } from "../contract/memory-app.ts";
import { rawClient } from "../contract/raw-client.ts";

const start = appsPerTest();

const HEADERS = [
  "X-Forwarded-For: 192.0.2.1",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: a.example",
  "Forwarded: for=192.0.2.1",
  "X-Real-IP: 192.0.2.1",
  "Via: 1.1 a.example",
  "CF-Connecting-IP: 192.0.2.1",
  "Fastly-Client-IP: 192.0.2.1",
  "True-Client-IP: 192.0.2.1",
  "X-Client-IP: 192.0.2.1",
  "X-Envoy-External-Address: 192.0.2.1",
];

async function statusOf(base: string, request: string): Promise<string> {
  const client = rawClient(base, request);
  await expect.poll(() => client.received(), { timeout: 20_000 }).toMatch(/\r\n\r\n/);
  client.socket.destroy();
  return client.received().split(" ")[1]!;
}

test("requests with any header of a proxy, or only with the HTTP version of nginx, are refused", async () => {
  const { base } = await start({}, { keys: [] });
  const { host } = new URL(base);
  const body = JSON.stringify([inference()]);
  const post = (version: string, header: string) =>
    `POST /v1 HTTP/${version}\r\nHost: ${host}\r\n${header}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  expect(await statusOf(base, post("1.1", ""))).toBe("200");
  expect(await statusOf(base, post("1.0", "Connection: close\r\n"))).toBe("403");
  for (const header of HEADERS) {
    expect(await statusOf(base, post("1.1", `${header}\r\n`)), header).toBe("403");
    expect(await statusOf(base, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\n${header}\r\n\r\n`), header).toBe("403");
  }
});

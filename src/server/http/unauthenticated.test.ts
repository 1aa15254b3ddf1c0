import { afterEach, describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY, post } from "../../../test/contract/memory-app.ts";
import { type RawClient, rawClient } from "../../../test/contract/raw-client.ts";
import { UNAUTHENTICATED_BYTES } from "./unauthenticated.ts";

const start = appsPerTest();
const clients: RawClient[] = [];
afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.destroy();
});

/** Sends the beginning of a request and waits for the reply. */
async function reply(base: string, text: string): Promise<string> {
  const client = rawClient(base, text);
  clients.push(client);
  await expect.poll(() => client.received(), { timeout: 20_000 }).toMatch(/\r\n\r\n.*\}/s);
  return client.received();
}

const LARGE = `Content-Length: ${UNAUTHENTICATED_BYTES + 1}\r\n`;
const head = (...headers: string[]) =>
  `POST /v1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers.join("")}\r\n`;
const bearer = (key: string) => `Authorization: Bearer ${key}\r\n`;
/** A chunk of that many blanks, after which more may come. */
const chunk = (bytes: number, text = "") => `${bytes.toString(16)}\r\n${text.padEnd(bytes)}\r\n`;
const CHUNKED = "Transfer-Encoding: chunked\r\n";

describe("a large body without a valid key is refused before it has arrived", () => {
  test("no key, with a length or in chunks", async () => {
    const { base } = await start();
    const refused =
      /^HTTP\/1\.1 401 .*"code":"missingApiKey","message":"Missing API key\. .*In a body of more than 65536 bytes, it must be in the first 65536\."/s;
    expect(await reply(base, head(LARGE) + " ".repeat(UNAUTHENTICATED_BYTES + 1))).toMatch(refused);
    expect(await reply(base, head(CHUNKED) + chunk(UNAUTHENTICATED_BYTES) + chunk(1))).toMatch(refused);
  });

  test("an unknown key", async () => {
    const { base } = await start();
    const refused = /^HTTP\/1\.1 401 .*"code":"invalidApiKey".*"taskType":"authentication"/s;
    expect(await reply(base, head(LARGE, bearer("wrong")) + " ".repeat(UNAUTHENTICATED_BYTES + 1))).toMatch(refused);
    const authentication = JSON.stringify([{ taskType: "authentication", apiKey: "wrong" }]);
    expect(await reply(base, head(LARGE) + authentication.padEnd(UNAUTHENTICATED_BYTES + 1))).toMatch(refused);
    expect(await reply(base, head(CHUNKED, bearer("wrong")) + chunk(UNAUTHENTICATED_BYTES + 1))).toMatch(refused);
  });

  test("a server without keys, and a caller from another machine", async () => {
    const { base } = await start({}, { keys: [] });
    const proxied = "X-Forwarded-For: 192.0.2.7\r\n";
    expect(await reply(base, head(LARGE, proxied))).toMatch(/^HTTP\/1\.1 403 .*"code":"forbidden"/s);
    expect(await reply(base, head(CHUNKED, proxied) + chunk(70_000))).toMatch(/^HTTP\/1\.1 403 /);
  });

  test("at any address", async () => {
    const { base } = await start();
    for (const target of ["DELETE /v1/tasks/x", "POST /elsewhere"]) {
      const text = head(LARGE).replace("POST /v1", target) + " ".repeat(UNAUTHENTICATED_BYTES + 1);
      expect(await reply(base, text)).toMatch(/^HTTP\/1\.1 401 /);
    }
  });

  test("a client that sends all of it first gets the same reply", async () => {
    const { base } = await start();
    const { status, body } = await post(base, [inference(), " ".repeat(900_000)], { key: "wrong" });
    expect([status, body.error.code]).toEqual([401, "invalidApiKey"]);
  });
});

describe("callers that can send more, or enough", () => {
  const image = `data:image/png;base64,${"A".repeat(200_000)}`;
  const upload = () => ({ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image });

  test("a key in the header", async () => {
    const { base } = await start();
    expect((await post(base, [upload()])).status).toBe(200);
    const text = JSON.stringify([upload()]);
    const chunks = `${chunk(text.length, text)}0\r\n\r\n`;
    expect(await reply(base, head(CHUNKED, bearer(KEY)) + chunks)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("a program on this machine, with a server without keys", async () => {
    const { base } = await start({}, { keys: [] });
    expect((await post(base, [upload()])).status).toBe(200);
  });

  test("a key at the beginning of the body, with a length or in chunks", async () => {
    const { base } = await start();
    const authentication = { taskType: "authentication", apiKey: KEY };
    const text = JSON.stringify([authentication, upload()]);
    expect((await post(base, text, { key: "wrong" })).status).toBe(200);
    expect(await reply(base, `${head(CHUNKED) + chunk(text.length, text)}0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("a later key, in a body within the limit", async () => {
    const { base } = await start();
    const authentication = { taskType: "authentication", apiKey: KEY };
    const text = (bytes: number) => `${" ".repeat(bytes)}${JSON.stringify([authentication, inference()])}`;
    const length = UNAUTHENTICATED_BYTES - text(0).length;
    expect((await post(base, text(length), { key: "wrong" })).status).toBe(200);
    expect((await post(base, text(UNAUTHENTICATED_BYTES), { key: "wrong" })).status).toBe(401);
  });
});

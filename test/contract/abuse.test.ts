/** Clients that mean harm, or are broken: bounded time, bounded memory, and others are served meanwhile. */

import { once } from "node:events";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inference, KEY, type MemoryApp, post, startMemoryApp } from "./memory-app.ts";
import { type RawClient, rawClient } from "./raw-client.ts";
import { connect, login } from "./socket-client.ts";

let server: MemoryApp;
const clients: RawClient[] = [];
const MB = 2 ** 20;

beforeEach(async () => {
  server = await startMemoryApp(
    { requestTimeout: 1, sendTimeout: 1, maxConnections: 150, maxBodyBytes: 4 * MB },
    { bytes: Buffer.alloc(MB, 7) },
  );
});
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await server.app.close();
});

const raw = (text: string) => {
  const client = rawClient(server.base, text);
  clients.push(client);
  return client;
};
const others = async () => {
  const before = performance.now();
  expect((await post(server.base, [inference()])).status).toBe(200);
  // Client and server share a process here, and maybe a busy machine.
  expect(performance.now() - before).toBeLessThan(10_000);
};
/** The server's side of the next connection. */
const connection = () => once(server.app.server, "connection").then(([socket]): Socket => socket);
const open = () => promisify(server.app.server.getConnections).call(server.app.server);
const HEAD = `POST /v1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n`;

describe("slowness", () => {
  test("headers that never end, one byte at a time", async () => {
    const slow = Array.from({ length: 50 }, () => raw("POST /v1 HTTP/1.1\r\nHost: x\r\nX-A: "));
    const drip = setInterval(() => {
      for (const { socket } of slow) socket.write("a");
    }, 50);
    await others();
    const times = await Promise.all(slow.map(({ closed }) => closed));
    clearInterval(drip);
    expect(Math.max(...times)).toBeLessThan(6000);
  });

  test("a silent connection", async () => {
    const silent = Array.from({ length: 20 }, () => raw(""));
    await others();
    const times = await Promise.all(silent.map(({ closed }) => closed));
    expect(Math.max(...times)).toBeLessThan(6000);
  });

  test("connections stay open for a next request, but not for ever", async () => {
    const sockets: Socket[] = [];
    server.app.server.on("connection", (socket) => sockets.push(socket));
    const task = JSON.stringify([inference()]);
    const client = raw(`${HEAD}Content-Length: ${task.length}\r\n\r\n${task}`);
    await expect.poll(() => client.received(), { timeout: 5000 }).toMatch(/\r\n0\r\n\r\n$/);
    expect(sockets[0]!.destroyed).toBe(false);
    expect(sockets[0]!.timeout).toBeGreaterThan(0);
  });

  test("a body that never ends", async () => {
    const slow = Array.from({ length: 50 }, () => raw(`${HEAD}Content-Length: 1000\r\n\r\n[`));
    const drip = setInterval(() => {
      for (const { socket } of slow) socket.write(" ");
    }, 50);
    await others();
    await Promise.all(slow.map(({ closed }) => closed));
    clearInterval(drip);
    for (const { received } of slow) {
      expect(received()).toMatch(/^HTTP\/1.1 408 .*"code":"requestTimeout"/s);
    }
  });

  test("a client that does not read its reply is cut off", async () => {
    const tasks = [1, 2, 3].map(() => inference({ outputType: "base64Data", numberResults: 20 }));
    const body = JSON.stringify(tasks);
    const held = connection();
    const lazy = raw(`${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
    lazy.socket.pause();
    await others();
    await once(await held, "close");
    lazy.socket.resume();
    await lazy.closed;
    expect(lazy.received().length).toBeLessThan(60 * MB);
  });

  test("a WebSocket that does not read is cut off, and keeps no images in memory", async () => {
    const body = (method: string) =>
      `${method} /v1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
    const held = connection();
    const lazy = raw(body("GET"));
    await expect.poll(() => lazy.received(), { timeout: 5000 }).toContain("101 Switching Protocols");
    lazy.socket.pause();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 20; i++) {
      lazy.socket.write(frame(JSON.stringify([inference({ outputType: "base64Data", numberResults: 20 })])));
    }
    await others();
    await once(await held, "close");
    // 400 pictures of 1.3 MB would be over 500 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MB);
    lazy.socket.resume();
    await lazy.closed;
  }, 20_000);
});

describe("size", () => {
  test("a body beyond the limit is refused before it is read", async () => {
    const large = raw(`${HEAD}Content-Length: ${100 * MB}\r\n\r\n[`);
    await expect.poll(() => large.received(), { timeout: 5000 }).toMatch(/^HTTP\/1.1 413 .*"code":"requestTooLarge"/s);
  });

  test("a body with a false length, in chunks", async () => {
    const large = raw(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 6; i++) large.socket.write(`${MB.toString(16)}\r\n${" ".repeat(MB)}\r\n`);
    await expect.poll(() => large.received(), { timeout: 5000 }).toMatch(/^HTTP\/1.1 413 /);
  });

  test("headers beyond the limit", async () => {
    const large = raw(`GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(50_000)}\r\n\r\n`);
    await large.closed;
    expect(large.received()).toMatch(/^HTTP\/1.1 4/);
  });

  test("a request that is not HTTP", async () => {
    const strange = raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n");
    await strange.closed;
    expect(strange.received()).toMatch(/^HTTP\/1.1 400 .*"code":"invalidRequest"/s);
  });

  test("more connections than the limit", async () => {
    const many = Array.from({ length: 170 }, () => raw(""));
    const refused = () => many.filter(({ socket }) => socket.destroyed || socket.readyState === "closed");
    await expect.poll(() => refused().length).toBeGreaterThanOrEqual(15);
    for (const { socket } of many) socket.destroy();
    await expect.poll(open).toBeLessThan(100);
    await others();
  });
});

describe("WebSocket", () => {
  test("a flood of pings is answered, or the client is cut off; others are served", async () => {
    const flood = await login(server.socketUrl);
    for (let i = 0; i < 5000; i++) flood.send({ taskType: "ping", ping: true });
    await others();
    await expect.poll(() => flood.frames.length, { timeout: 10_000 }).toBeGreaterThan(5000);
  });

  test("a flood of tasks is handled a few at a time", async () => {
    server.tasks.onAccept = () => undefined;
    const flood = await login(server.socketUrl);
    for (let i = 0; i < 3000; i++) flood.send(inference({ deliveryMethod: "async" }));
    await expect.poll(() => flood.frames.length, { timeout: 20_000 }).toBe(3001);
    // Beyond the queue's limit they are told so.
    expect(flood.frames.at(-1).errors[0]).toMatchObject({ code: "rateLimitExceeded" });
  }, 30_000);

  test("frames that are not masked, or reserved, close the socket only", async () => {
    const client = raw(
      "GET /v1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await expect.poll(() => client.received(), { timeout: 5000 }).toContain("101");
    client.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await client.closed;
    await others();
  });

  test("a socket at any other path is closed", async () => {
    const client = await connect(`${server.base.replace("http", "ws")}/images/x`);
    await client.closed;
    expect(client.frames).toEqual([]);
  });
});

/** A masked text frame. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = Buffer.alloc(4);
  length[0] = 0x81;
  length[1] = 0x80 | 126;
  length.writeUInt16BE(payload.length, 2);
  return Buffer.concat([length, Buffer.alloc(4), payload]);
}

/**
 * A proxy in front of a server without keys that leaves no trace of itself: no header, HTTP/1.1, the loopback interface. On a port it cannot
 * be told from a program on the machine; on a Unix socket nobody is taken for one. Held to: 403 for everybody without a key.
 */

import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { aTask } from "./victim.ts";

let folder: string;
let path: string;
const servers: ServerProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-socket-"));
  path = join(folder, "socket");
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill();
  await rm(folder, { recursive: true });
});

async function start(data: string, env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await startServerProcess(join(folder, data), {
    INKSTONE_HOST: `unix:${path}`,
    INKSTONE_PUBLIC_URL: "https://images.example",
    ...env,
  });
  servers.push(server);
  return server;
}

/** What a proxy passes on, and nothing of its own. */
function send(method: string, url: string, body?: object, key?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: "localhost",
      "content-type": "application/json",
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    };
    const sent = request({ socketPath: path, method, path: url, headers }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode!, text });
    });
    sent.on("error", reject).end(body && JSON.stringify(body));
  });
}

test("without a key no task is accepted, but health is reported; only its owner and their group can use the socket", async () => {
  const server = await start("data");
  expect(await server.ready).toBe(`unix:${path}`);
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  expect((await send("GET", "/healthz")).status).toBe(200);
  for (const [method, url] of [
    ["POST", "/v1"],
    ["GET", "/metrics"],
  ] as const) {
    const { status, text } = await send(method, url, method === "POST" ? [aTask()] : undefined);
    expect([status, text.includes('"forbidden"')], text).toEqual([403, true]);
  }
});

test("with a key images are generated; the socket of a killed server is replaced, that of a living one and other files are not", async () => {
  await (await start("data", { INKSTONE_API_KEYS: "any" })).ready;
  const { status, text } = await send("POST", "/v1", [aTask()], "any");
  expect(status, text).toBe(200);
  expect(text).toContain('"imageURL":"https://images.example/images/');
  const other = await start("other");
  await expect(other.ready).rejects.toThrow(/StartError: .*socket already exists/);

  await servers[0]!.kill();
  await (await start("data")).ready;
  expect((await send("GET", "/healthz")).status).toBe(200);

  path = join(folder, "file");
  await writeFile(path, "kept");
  const onFile = await start("third");
  await expect(onFile.ready).rejects.toThrow(/StartError: .*file already exists/);
});

test("a public address is required, because a socket has none", async () => {
  const server = await start("data", { INKSTONE_PUBLIC_URL: "" });
  await expect(server.ready).rejects.toThrow(/StartError: INKSTONE_HOST is a Unix socket, .*INKSTONE_PUBLIC_URL/);
});

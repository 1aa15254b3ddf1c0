import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createOutbound, type Outbound, OutboundError, type OutboundRequest } from "./index.ts";

const open: { server?: Server; clients: Outbound[] } = { clients: [] };
afterEach(async () => {
  for (const client of open.clients.splice(0)) await client.close();
  open.server?.closeAllConnections();
  await new Promise((resolve) => (open.server ? open.server.close(resolve) : resolve(undefined)));
  delete open.server;
});

async function serve(listener: RequestListener): Promise<{ port: number; hits: () => number }> {
  let hits = 0;
  open.server = createServer((request, response) => {
    hits++;
    listener(request, response);
  });
  await new Promise<void>((resolve) => open.server!.listen(0, "127.0.0.1", resolve));
  return { port: (open.server.address() as AddressInfo).port, hits: () => hits };
}

function client(...[options]: Parameters<typeof createOutbound>): Outbound {
  const made = createOutbound(options);
  open.clients.push(made);
  return made;
}

const get = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: "GET",
  url,
  timeoutMs: 2_000,
  maxBytes: 1_000,
  ...more,
});

describe("without an allow list, no address of this machine is reached", () => {
  const ways = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "localhost",
    "localhost.",
    "inner.example",
    "rebind.example",
    "mixed.example",
  ];
  test.each(ways)("%s", async (host) => {
    const { port, hits } = await serve((_, response) => response.end("secret"));
    let turn = 0;
    const resolve = async (name: string) => {
      if (name.startsWith("mixed"))
        return [
          { address: "93.184.216.34", family: 4 },
          { address: "127.0.0.1", family: 4 },
        ];
      // Rebinding: a first, harmless answer would be followed by another one. Only one may ever be asked for and used.
      if (name.startsWith("rebind") && turn++ === 0) return [{ address: "192.0.2.1", family: 4 }];
      return [{ address: "127.0.0.1", family: 4 }];
    };
    const failure = await client({ resolve })
      .request(get(`http://${host}:${port}/`))
      .catch((error) => error);
    expect(failure).toBeInstanceOf(OutboundError);
    expect(failure.message).toMatch(/^(The address is not allowed or cannot be reached\.|It is not a valid URL\.)$/);
    expect(hits()).toBe(0);
  });
});

test("a refused address and a closed port give the same error", async () => {
  const { port } = await serve((_, response) => response.end());
  const refused = await client()
    .request(get(`http://127.0.0.1:${port}/`))
    .catch((error) => error);
  const closed = await client({ allow: ["127.0.0.1"] })
    .request(get("http://127.0.0.1:1/"))
    .catch((error) => error);
  expect([refused.kind, refused.message]).toEqual([closed.kind, closed.message]);
});

test("a name is resolved once, and the connection goes to the checked answer", async () => {
  const { port } = await serve((_, response) => response.end("ok"));
  let asked = 0;
  const resolve = async () => {
    asked++;
    return [{ address: "127.0.0.1", family: 4 }];
  };
  const answer = await client({ allow: ["127.0.0.1"], resolve }).request(get(`http://hooks.example:${port}/`));
  expect(Buffer.from(answer.body).toString()).toBe("ok");
  expect(asked).toBe(1);
});

test("an allowed host name can resolve to any address; others cannot", async () => {
  const { port } = await serve((_, response) => response.end("ok"));
  const resolve = async () => [{ address: "127.0.0.1", family: 4 }];
  const made = client({ allow: ["minio"], resolve });
  expect((await made.request(get(`http://minio:${port}/`))).status).toBe(200);
  await expect(made.request(get(`http://other.example:${port}/`))).rejects.toThrow(OutboundError);
});

test("redirects are not followed", async () => {
  const { port, hits } = await serve((_, response) => response.writeHead(302, { location: "/elsewhere" }).end());
  const answer = await client({ allow: ["127.0.0.1"] }).request(get(`http://127.0.0.1:${port}/`));
  expect([answer.status, answer.headers.location, hits()]).toEqual([302, "/elsewhere", 1]);
});

test.each([
  "ftp://example.com/",
  "file:///etc/passwd",
  "gopher://example.com",
  "http://user:pw@example.com/",
  "http://",
  "nonsense",
])("%s is not a usable address", async (url) => {
  const failure = await client()
    .request(get(url))
    .catch((error) => error);
  expect(failure).toBeInstanceOf(OutboundError);
  expect(failure.kind).toBe("invalidUrl");
});

test("an answer above the limit is refused, or shortened on request", async () => {
  const { port } = await serve((_, response) => {
    response.writeHead(200);
    const pump = () => {
      while (!response.destroyed && response.write("x".repeat(10_000)));
      if (!response.destroyed) response.once("drain", pump);
    };
    pump();
  });
  const made = client({ allow: ["127.0.0.1"] });
  const url = `http://127.0.0.1:${port}/`;
  await expect(made.request(get(url))).rejects.toMatchObject({ kind: "tooLarge" });
  expect((await made.request(get(url, { overflow: "cut" }))).body).toHaveLength(1_000);
});

test("a receiver that never answers, or answers byte by byte, is dropped in time", async () => {
  const { port } = await serve((request, response) => {
    if (request.url === "/silent") return;
    response.writeHead(200);
    const timer = setInterval(() => response.write("."), 20);
    response.on("close", () => clearInterval(timer));
  });
  const made = client({ allow: ["127.0.0.1"] });
  for (const path of ["silent", "drip"]) {
    const before = Date.now();
    await expect(made.request(get(`http://127.0.0.1:${port}/${path}`, { timeoutMs: 200 }))).rejects.toMatchObject({
      kind: "timeout",
    });
    expect(Date.now() - before).toBeLessThan(10_000);
  }
});

test("an aborted request rejects with the reason of the signal", async () => {
  const { port } = await serve(() => {});
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error("stopping")), 50);
  const asking = client({ allow: ["127.0.0.1"] }).request(get(`http://127.0.0.1:${port}/`, { signal: abort.signal }));
  await expect(asking).rejects.toThrow("stopping");
});

test("a download follows redirects to allowed addresses only, streams, and is limited", async () => {
  const { port } = await serve((request, response) => {
    const to = { "/away": "/file", "/inside": "http://10.0.0.1/", "/round": "/round" }[request.url!];
    if (to) response.writeHead(302, { location: to }).end();
    else response.writeHead(request.url === "/file" ? 200 : 404).end("x".repeat(900));
  });
  const made = client({ allow: ["127.0.0.1"] });
  const get = async (path: string, maxBytes = 1_000) => {
    let length = 0;
    const take = async (piece: Uint8Array) => {
      length += piece.length;
    };
    await made.download({ url: `http://127.0.0.1:${port}/${path}`, timeoutMs: 2_000, maxBytes }, take);
    return length;
  };
  expect(await get("away")).toBe(900);
  await expect(get("file", 899)).rejects.toMatchObject({ kind: "tooLarge" });
  for (const path of ["inside", "round", "none"])
    await expect(get(path)).rejects.toMatchObject({ kind: "unreachable" });
  const full = async () => Promise.reject(new Error("the disk is full"));
  const file = { url: `http://127.0.0.1:${port}/file`, timeoutMs: 2_000, maxBytes: 1_000 };
  await expect(made.download(file, full)).rejects.toThrow("the disk is full");
});

test("a download reports its length in advance, and ends when no more bytes arrive", async () => {
  const { port } = await serve((request, response) => {
    if (request.url === "/silent") return;
    response.writeHead(200, { "content-length": 900 }).write("x".repeat(500));
    if (request.url === "/whole") response.end("x".repeat(400));
  });
  const made = client({ allow: ["127.0.0.1"] });
  const heard: (string | number)[] = [];
  const get = (path: string) => {
    const address = { url: `http://127.0.0.1:${port}/${path}`, timeoutMs: 60_000, silenceMs: 300, maxBytes: 1_000 };
    const onLength = (bytes: number) => void heard.push(bytes);
    return made.download({ ...address, onLength }, async () => void heard.push("piece"));
  };
  await get("whole");
  expect(heard.slice(0, 2)).toEqual([900, "piece"]);
  for (const path of ["silent", "half"]) {
    await expect(get(path)).rejects.toMatchObject({
      kind: "timeout",
      message: "The server sent no data for 0.3 seconds.",
    });
  }
});

test("allowed names are known before a name is resolved", async () => {
  const outbound = createOutbound({ allow: ["10.0.0.0/8", "minio"] });
  const may = (url: string) => outbound.mayName(url);
  expect(["https://example.com/x", "http://10.1.2.3/", "http://minio:9000/b"].map(may)).toEqual([true, true, true]);
  expect(["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://0x7f.1/"].map(may)).toEqual(
    Array(4).fill(false),
  );
  await outbound.close();
});

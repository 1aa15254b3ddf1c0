/**
 * What callers without a key can make the server do. Held to: 64 KiB for each socket and no more than half a minute, 100 such
 * sockets, and 30 MB for all of them; 4 ms of the answering thread for a body; others are answered within 250 ms meanwhile.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { MOST_MS, whileOthersAsk } from "./pings.ts";
import { frameHead, openSocket, type RawSocket } from "./raw-socket.ts";
import { aTask, OTHER_KEY, onEachDatabase, post, type Victim } from "./victim.ts";

/** A WebSocket that announces one frame of 60 MiB and sends as much of it as it is let. */
async function endlessFrame(base: string): Promise<RawSocket> {
  const stranger = await openSocket(base);
  const { socket } = stranger;
  socket.write(frameHead(60 * 2 ** 20));
  const piece = Buffer.alloc(2 ** 20, "a");
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
  return stranger;
}

onEachDatabase("strangers", (start) => {
  let victim: Victim;

  beforeAll(async () => {
    victim = await start();
    await post(victim.base, "[]");
  });

  test("frames that never end are cut off at 64 KiB", async () => {
    const before = await victim.residentMB();
    const waited = await whileOthersAsk(victim.base, OTHER_KEY, async () => {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => endlessFrame(victim.base)));
      await Promise.all(sockets.map(({ closed }) => closed));
    });
    expect(waited.median).toBeLessThan(MOST_MS);
    expect((await victim.residentMB()) - before).toBeLessThan(30);
  });

  test("of silent sockets a hundred are kept; clients with a key still connect", async () => {
    const url = `${victim.base.replace("http", "ws")}/v1`;
    const silent = Array.from({ length: 130 }, () => new WebSocket(url));
    const refused = silent.map((socket) => new Promise((resolve) => socket.addEventListener("close", resolve)));
    let closed = 0;
    for (const each of refused) void each.then(() => closed++);
    await expect.poll(() => closed, { timeout: 30_000 }).toBe(30);
    const { status } = await post(victim.base, JSON.stringify([aTask()]));
    expect(status).toBe(200);
    for (const socket of silent) socket.close();
    await Promise.all(refused);
  });

  test("a body without a key is not parsed, whatever its contents", async () => {
    const body = `[${"[1],".repeat(12_700)}1]`;
    await post(victim.base, body, "wrong");
    await victim.busyMs();
    const COUNT = 200;
    for (let i = 0; i < COUNT; i++) {
      const { status, body: answer } = await post(victim.base, body, "wrong");
      expect([status, answer.error.code]).toEqual([401, "invalidApiKey"]);
    }
    expect((await victim.busyMs()) / COUNT).toBeLessThan(4);

    const client = async () => {
      for (let i = 0; i < 20; i++) await post(victim.base, body, "wrong");
    };
    const waited = await whileOthersAsk(victim.base, OTHER_KEY, () => Promise.all(Array.from({ length: 30 }, client)));
    expect(waited.median).toBeLessThan(MOST_MS);
  });

  test("a socket that does not authenticate is ended by the server after 30 s, without a closing handshake", async () => {
    const opened = performance.now();
    const { socket, closed } = await openSocket(victim.base);
    await Promise.race([closed, sleep(60_000)]);
    expect(socket.destroyed).toBe(true);
    expect(performance.now() - opened).toBeLessThan(45_000);
  });
});

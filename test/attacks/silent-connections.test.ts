/**
 * A program takes every connection of the server and says nothing on it, or begins a request and does not go on. Held to: whoever comes
 * next is answered, each time, while all places are taken: half of the answers within 250 ms, nobody waits for the ten seconds after which
 * silence ends.
 */

import { connect, type Socket } from "node:net";
import { afterEach, beforeAll, expect, test } from "vitest";
import { MOST_MS, pings } from "./pings.ts";
import { aTask, onEachDatabase, post, type Victim } from "./victim.ts";

const MOST = 1_000;

onEachDatabase("silent connections", (start) => {
  let victim: Victim;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    victim = await start();
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  test.each([
    ["nothing is said on", ""],
    ["a request begins on that does not go on", "POST /v1 HTTP/1.1\r\nHost: localhost\r\nX-A: "],
  ])("a thousand connections that %s", async (_, beginning) => {
    const { hostname, port } = new URL(victim.base);
    const take = () =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => resolve(void socket.write(beginning)));
        socket.on("error", () => {}).on("close", () => refill && void take());
        sockets.push(socket);
      });
    let refill = true;
    const before = await victim.residentMB();
    await Promise.all(Array.from({ length: MOST }, take));
    const waited = await pings(victim.base, 40);
    expect((await post(victim.base, JSON.stringify([aTask()]))).status).toBe(200);
    refill = false;
    expect(waited.median).toBeLessThan(MOST_MS);
    expect(waited.longest).toBeLessThan(5_000);
    expect((await victim.residentMB()) - before).toBeLessThan(100);
  });
});

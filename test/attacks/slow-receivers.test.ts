/** Receivers that never answer. Held to: they delay no webhook of another owner, and none of their own owner to another host. */

import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDeliverer } from "../../src/server/delivery/index.ts";
import { createOutbound } from "../../src/server/net/index.ts";
import { onEachDatabase } from "../support/on-each-database.ts";
import { startReceiver } from "../support/receiver.ts";
import { aResult, aTask } from "../support/tasks.ts";

type Receiver = Awaited<ReturnType<typeof startReceiver>>;

onEachDatabase("receivers that never answer", (tasks) => {
  const sockets: Socket[] = [];
  const silent: Server[] = [];
  const outbound = createOutbound({ allow: ["127.0.0.0/8"] });
  beforeAll(async () => {
    for (let i = 0; i < 10; i++) {
      const server = createServer((socket) => void sockets.push(socket.on("error", () => {})));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      silent.push(server);
    }
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of silent) server.close();
    await outbound.close();
  });

  async function finish(owner: string, webhookURL: string) {
    await tasks.service.submit(owner, aTask({ webhookURL, numberResults: 10 }));
    const claim = (await tasks.queue.claim())!;
    for (let i = 0; i < 10; i++) await claim.result(aResult(claim, i), i === 9);
    claim.release();
  }

  /** Delivers what is owed until so many webhooks have come to `hook`. */
  async function deliver(hook: Receiver, count: number) {
    const deliverer = startDeliverer({
      db: tasks.db,
      signals: tasks.signals,
      outbound,
      sources: { resultItem: async () => ({}), errorItem: () => ({}), read: async () => undefined },
      log: { info() {}, warn() {} },
      timeoutMs: { webhook: 90_000, upload: 90_000 }, // longer than the test waits
    });
    await expect.poll(() => hook.received.length).toBe(count);
    await deliverer.stop();
    await hook.close();
  }

  const addressOf = (server: Server) => `127.0.0.1:${(server.address() as { port: number }).port}/x`;

  test.each(["http://", "http:"])("of many hosts of another owner, in the form %s", async (scheme) => {
    const hook = await startReceiver();
    for (const server of silent) await finish("hostile", scheme + addressOf(server));
    await finish("honest", `${hook.url}/hook`);
    await deliver(hook, 10);
  });

  test("of one host of the same owner, in several spellings: they count as one host", async () => {
    const hook = await startReceiver();
    for (const scheme of ["http://", "http:", "http:/", "HTTP:///"]) await finish("me", scheme + addressOf(silent[0]!));
    await finish("me", `${hook.url}/hook`);
    await deliver(hook, 10);
  });
});

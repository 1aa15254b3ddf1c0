/** One owner's receivers never answer. Held to: another owner's webhook is on its way within the second. */

import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDeliverer } from "../../src/server/delivery/index.ts";
import { createOutbound } from "../../src/server/net/index.ts";
import { onEachDatabase } from "../support/on-each-database.ts";
import { startReceiver } from "../support/receiver.ts";
import { aResult, aTask } from "../support/tasks.ts";

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

  test.each(["http://", "http:"])("however their addresses are written: %s…", async (scheme) => {
    const hook = await startReceiver();
    for (const server of silent) {
      const { port } = server.address() as { port: number };
      await finish("hostile", `${scheme}127.0.0.1:${port}/x`);
    }
    await finish("honest", `${hook.url}/hook`);
    const deliverer = startDeliverer({
      db: tasks.db,
      signals: tasks.signals,
      outbound,
      sources: { resultItem: async () => ({}), errorItem: () => ({}), read: async () => undefined },
      log: { info() {}, warn() {} },
    });
    await hook.until(10);
    expect(hook.received).toHaveLength(10);
    await deliverer.stop();
    await hook.close();
  });
});

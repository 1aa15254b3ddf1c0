/** A key is revoked while its client is connected. Held to: no further task, and the socket's end within some seconds. */

import { expect, test } from "vitest";
import { openKeys } from "../../src/server/keys.ts";
import { connect } from "../contract/socket-client.ts";
import { aTask, onEachDatabase, post } from "./victim.ts";

onEachDatabase("a revoked key", (start) => {
  test("its socket accepts no task and ends, its event stream ends; revoking the last key gives no access", async () => {
    const { base, folder, databaseUrl } = await start({ INKSTONE_API_KEYS: "" });
    const { keys, close } = await openKeys(folder, databaseUrl);
    const { key, known } = await keys.create("lost");
    const slow = aTask({ positivePrompt: "step 20000", steps: 50, deliveryMethod: "async" });
    await post(base, JSON.stringify([slow]), key);
    const client = await connect(`${base.replace("http", "ws")}/v1`);
    client.send({ taskType: "authentication", apiKey: key });
    await client.next();
    const events = await fetch(`${base}/v1/tasks/${slow.taskUUID}/events`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(events.status).toBe(200);

    expect(await keys.revoke(known.id)).toBe(true);
    // Servers that share a database read its keys every two seconds.
    const ping = async () => (await post(base, '[{"taskType":"ping"}]', key)).status;
    await expect.poll(ping, { timeout: 20_000 }).toBe(403);
    client.send(aTask());
    expect(await client.next()).toMatchObject({ errors: [{ code: "invalidApiKey" }] });
    await Promise.all([client.closed, events.text()]);
    await close();
    for (const each of [key, "any"]) {
      const { status, body } = await post(base, JSON.stringify([aTask()]), each);
      expect([status, body.error.code]).toEqual([403, "forbidden"]);
    }
  });
});

/** Clients hand in async tasks and never come back. Held to: with the setting, such tasks make way; none that somebody may still want. */

import { expect, test } from "vitest";
import { createTaskService } from "../../src/server/tasks/index.ts";
import { onEachDatabase } from "../support/on-each-database.ts";
import { aTask } from "../support/tasks.ts";

onEachDatabase("abandoned async tasks", (tasks) => {
  test("are cancelled after a time without polls; all others stay", async () => {
    const service = createTaskService({
      db: tasks.db,
      signals: tasks.signals,
      presence: tasks.presence,
      maxQueued: 50,
      abandonAsyncSeconds: 60,
    });
    const sent = {
      abandoned: aTask({ deliveryMethod: "async" }),
      running: aTask({ deliveryMethod: "async" }),
      polled: aTask({ deliveryMethod: "async" }),
      watched: aTask({ deliveryMethod: "async" }),
      hook: aTask({ deliveryMethod: "async", webhookURL: "https://a.example/" }),
      upload: aTask({ deliveryMethod: "async", uploadEndpoint: "https://a.example/" }),
      sync: aTask({ deliveryMethod: "sync" }),
    };
    await service.submit("me", sent.running);
    const claim = (await tasks.queue.claim())!;
    for (const each of Object.values(sent)) await service.submit("me", each);
    await tasks.db.query("update tasks set asked_at = now() - interval '61 seconds'");
    await service.get("me", sent.polled.task.taskUUID);
    const stop = await service.subscribe("me", sent.watched.task.taskUUID, () => {});
    await service.abandonUnasked();
    const states: Record<string, string | undefined> = {};
    for (const [name, { task }] of Object.entries(sent)) states[name] = (await service.get("me", task.taskUUID))?.state;
    expect(states).toEqual({
      abandoned: "cancelled",
      running: "cancelled",
      polled: "queued",
      watched: "queued",
      hook: "queued",
      upload: "queued",
      sync: "queued",
    });
    expect(claim.signal.aborted).toBe(true);
    // Sent again it is a new task, as after a client that hung up.
    expect((await service.submit("me", sent.abandoned)).kind).toBe("accepted");
    stop?.();
    claim.release();
    service.close();
  });
});

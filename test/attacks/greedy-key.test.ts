/** One key hands in as many tasks as it can. Held to: a fifth of the queue stays for others, who are served next. */

import { expect, test } from "vitest";
import { createTaskService } from "../../src/server/tasks/index.ts";
import { onEachDatabase } from "../support/on-each-database.ts";
import { anUpload, aTask } from "../support/tasks.ts";

onEachDatabase("a greedy key", (tasks) => {
  test("tasks of another key are accepted, and run next", async () => {
    const service = createTaskService({
      db: tasks.db,
      signals: tasks.signals,
      presence: tasks.presence,
      maxQueued: 50,
      queueShare: 0.8,
    });
    const outcomes = [];
    for (let i = 0; i < 60; i++) outcomes.push((await service.submit("greedy", aTask())).kind);
    expect(outcomes.filter((kind) => kind === "accepted")).toHaveLength(40);
    expect(await service.submit("greedy", anUpload())).toEqual({
      kind: "queueFull",
      waiting: 40,
      retryAfterSeconds: 10,
    });
    (await tasks.queue.claim())!.release();
    for (let i = 0; i < 10; i++) expect((await service.submit("modest", aTask())).kind).toBe("accepted");
    const claim = (await tasks.queue.claim())!;
    expect(claim.owner).toBe("modest");
    claim.release();
    service.close();
  });
});

import { expect, test } from "vitest";
import { onEachDatabase } from "../../test/support/on-each-database.ts";
import { aResult, aTask } from "../../test/support/tasks.ts";

onEachDatabase("cancelling", (tasks) => {
  test("cancelling a queued task: it never starts, however often it is cancelled", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    expect(await tasks.service.cancel("you", sent.task.taskUUID)).toBeUndefined();
    for (let times = 0; times < 3; times++) {
      expect((await tasks.service.cancel("me", sent.task.taskUUID))?.state).toBe("cancelled");
    }
    expect(await tasks.queue.claim()).toBeUndefined();
  });

  test("cancelling a running task: its worker is told at once and can write nothing more", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    await tasks.service.cancel("me", sent.task.taskUUID);
    expect(claim.signal.aborted).toBe(true);
    expect(await claim.result(aResult(claim, 0), true)).toBe(false);
    claim.release();
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({ state: "cancelled", results: [] });
  });

  test("cancelling a final task changes nothing", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    await claim.result(aResult(claim, 0), true);
    claim.release();
    expect((await tasks.service.cancel("me", sent.task.taskUUID))?.state).toBe("succeeded");
  });
});

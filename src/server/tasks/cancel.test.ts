import { expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { aResult, aTask } from "../../../test/support/tasks.ts";

onEachDatabase("cancelling", (tasks) => {
  test("cancelling a queued task, even repeatedly: it never starts", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    expect(await tasks.service.cancel("you", sent.task.taskUUID)).toBeUndefined();
    for (let times = 0; times < 3; times++) {
      expect((await tasks.service.cancel("me", sent.task.taskUUID))?.state).toBe("cancelled");
    }
    expect(await tasks.queue.claim()).toBeUndefined();
  });

  test("cancelling a running task: its worker hears of it at once and can write nothing more", async () => {
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
    await tasks.service.abandon("me", sent.task.taskUUID);
    expect((await tasks.service.submit("me", sent)).kind).toBe("known");
    expect((await tasks.service.get("me", sent.task.taskUUID))?.state).toBe("succeeded");
  });

  test("an abandoned task is a new one when it is submitted again, by any number of clients", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    await tasks.service.abandon("me", sent.task.taskUUID);
    expect(claim.signal.aborted).toBe(true);
    expect((await tasks.service.get("me", sent.task.taskUUID))?.state).toBe("cancelled");
    const other = { ...sent, task: { ...sent.task, steps: 7 } };
    expect((await tasks.service.submit("me", other)).kind).toBe("conflict");
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => tasks.service.submit("me", sent)));
    expect(outcomes.filter(({ kind }) => kind === "accepted")).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === "known")).toHaveLength(19);
    expect(await tasks.service.counts()).toEqual({ queued: 1, running: 0 });
    const again = (await tasks.queue.claim())!;
    expect(await claim.result(aResult(claim, 0), true)).toBe(false);
    expect(await again.result(aResult(again, 0), true)).toBe(true);
    for (const { release } of [claim, again]) release();
  });

  test("a cancelled task stays cancelled when it is submitted again, even if it was abandoned before", async () => {
    for (const abandoned of [false, true]) {
      const sent = aTask();
      await tasks.service.submit("me", sent);
      if (abandoned) await tasks.service.abandon("me", sent.task.taskUUID);
      await tasks.service.cancel("me", sent.task.taskUUID);
      await tasks.service.abandon("me", sent.task.taskUUID);
      expect(await tasks.service.submit("me", sent)).toMatchObject({ kind: "known", record: { state: "cancelled" } });
    }
  });

  test("an abandoned task is kept while one of its deliveries is open", async () => {
    const sent = aTask({ numberResults: 2, webhookURL: "https://a.example/" });
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    await claim.result(aResult(claim, 0), false);
    claim.release();
    await tasks.service.abandon("me", sent.task.taskUUID);
    expect(await tasks.service.submit("me", sent)).toMatchObject({ kind: "known", record: { state: "cancelled" } });
    await tasks.db.query("update deliveries set state = 'delivered'");
    expect(await tasks.service.submit("me", sent)).toMatchObject({ kind: "accepted", record: { results: [] } });
  });
});

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { anUpload, aResult, aTask } from "../../../test/support/tasks.ts";
import { createTaskQueue } from "./queue.ts";
import type { TaskEvent } from "./types.ts";

onEachDatabase("watching a task", (tasks) => {
  test("waiting for the final state ends at once with it; aborting the wait does not affect the task", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    const abort = new AbortController();
    const impatient = tasks.service.waitForFinal("me", sent.task.taskUUID, abort.signal);
    const final = tasks.service.waitForFinal("me", sent.task.taskUUID);
    abort.abort(new Error("hung up"));
    await expect(impatient).rejects.toThrow("hung up");
    const claim = (await tasks.queue.claim())!;
    await claim.result(aResult(claim, 0), true);
    claim.release();
    expect(await final).toMatchObject({ state: "succeeded", results: [{ index: 0 }] });
    expect(await tasks.service.waitForFinal("me", sent.task.taskUUID)).toMatchObject({ state: "succeeded" });
    expect(await tasks.service.waitForFinal("me", randomUUID())).toBeUndefined();
  });

  test("a subscriber receives the whole life in order, and a late one what it missed", async () => {
    const sent = aTask({ numberResults: 2 });
    await tasks.service.submit("me", sent);
    const heard: string[] = [];
    const over = Promise.withResolvers<void>();
    await tasks.service.subscribe("me", sent.task.taskUUID, (event) => {
      heard.push(
        event.type === "queued"
          ? `queued ${event.place}`
          : event.type === "progress"
            ? `step ${"step" in event ? event.step : ""}`
            : event.type,
      );
      if (event.type === "final") over.resolve();
    });
    const claim = (await tasks.queue.claim())!;
    await tasks.settle();
    claim.report({ image: 0, images: 2, step: 1, steps: 2, percentage: 25 });
    expect((await tasks.service.get("me", sent.task.taskUUID))?.progress?.percentage).toBe(25);
    await claim.result(aResult(claim, 0), false);
    await tasks.settle();
    await claim.result(aResult(claim, 1), true);
    claim.release();
    await over.promise;
    expect(heard).toEqual(["queued 0", "started", "step 1", "result", "result", "final"]);
    const late: string[] = [];
    await tasks.service.subscribe("me", sent.task.taskUUID, (event) => late.push(event.type));
    expect(late).toEqual(["started", "result", "result", "final"]);
  });

  test("a subscriber receives every stage of an upload once and in order, even if signals were lost", async () => {
    const sent = anUpload();
    await tasks.service.submit("me", sent);
    const queue = createTaskQueue({ ...tasks, lane: "uploads", renewMs: 1e6 });
    const claim = (await queue.claim())!;
    const heard: TaskEvent[] = [];
    await tasks.service.subscribe("me", sent.task.taskUUID, (event) => heard.push(event));
    claim.report({ stage: "validated", percentage: 0 });
    claim.report({ stage: "validated", percentage: 60 });
    claim.report({ stage: "optimized", percentage: 100 });
    claim.report({ stage: "downloaded", percentage: 100 }); // a row that is older than the last signal
    await claim.succeed();
    claim.release();
    queue.close();
    await expect.poll(() => heard.at(-1)?.type).toBe("final");
    const stages = heard.flatMap((event) =>
      event.type === "progress" && "stage" in event ? [`${event.stage} ${event.percentage}`] : [],
    );
    expect(stages).toEqual(["validated 0", "validated 60", "downloaded 100", "optimized 100", "stored 100"]);
  });
});

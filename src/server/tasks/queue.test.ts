import { describe, expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { anUpload, aResult, aTask } from "../../../test/support/tasks.ts";
import { type ImageInferenceTask, parseTask, stringifyJson } from "../../protocol/index.ts";
import { createTaskQueue } from "./queue.ts";

onEachDatabase("the life of a task", (tasks) => {
  test("model uploads wait in a separate lane, and do not use a client's turn for images", async () => {
    const uploads = createTaskQueue({
      db: tasks.db,
      signals: tasks.signals,
      presence: tasks.presence,
      lane: "uploads",
    });
    const sent = anUpload();
    for (let i = 0; i < 5; i++) await tasks.service.submit("me", aTask({ numberResults: 9 }));
    await tasks.service.submit("me", sent);
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({ place: 0, results: [] });
    const claim = (await uploads.claim())!;
    expect(claim.task).toEqual(sent.task);
    expect(await uploads.claim()).toBeUndefined();
    await tasks.queue.claim();
    const other = aTask();
    await tasks.service.submit("you", other); // starts no later than if there had been no upload
    expect((await tasks.queue.claim())?.taskUUID).toBe(other.task.taskUUID);

    claim.report({ stage: "downloaded", percentage: 100 });
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({
      state: "running",
      progress: { stage: "downloaded", percentage: 100 },
    });
    await tasks.db.query("update tasks set lease_until = now() - interval '1 second'");
    expect(await uploads.sweep()).toBe(1);
    const again = (await uploads.claim())!;
    expect(again).toMatchObject({ attempt: 2, taskUUID: sent.task.taskUUID });
    expect(await claim.succeed()).toBe(false);
    expect(await again.succeed()).toBe(true);
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({ state: "succeeded", attempt: 2 });
    for (const each of [claim, again]) each.release();
    uploads.close();
  });

  test("tasks for the model in memory come first, at most eight in a row", async () => {
    const [loaded, other] = ["me:loaded@1", "me:other@1"];
    for (const model of [loaded, other, ...Array(10).fill(loaded)]) await tasks.service.submit("me", aTask({ model }));
    const queue = createTaskQueue({ ...tasks, lane: "pictures" });
    const models: string[] = [];
    for (let i = 0; i < 12; i++) {
      const claim = (await queue.claim())!;
      models.push((claim.task as ImageInferenceTask).model);
      claim.release();
    }
    expect(models).toEqual([...Array(9).fill(loaded), other, loaded, loaded]);
    queue.close();
  });

  test("results arrive one by one, the last one with success, and create their deliveries", async () => {
    const sent = aTask({
      numberResults: 2,
      webhookURL: "https://a.example/hook?key=1",
      uploadEndpoint: "https://b.example/up",
    });
    await tasks.service.submit("me", sent);
    const claim = (await tasks.queue.claim())!;
    expect(claim).toMatchObject({ attempt: 1, failures: 0, finished: [] });
    expect(await claim.result(aResult(claim, 0), false)).toBe(true);
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({
      state: "running",
      results: [{ index: 0, seed: claim.seed }],
    });
    expect(await claim.result(aResult(claim, 1), true)).toBe(true);
    claim.release();
    const record = await tasks.service.get("me", sent.task.taskUUID);
    expect(record).toMatchObject({ state: "succeeded", results: [{ index: 0 }, { index: 1 }] });
    expect(record?.finishedAt).toBeInstanceOf(Date);
    const deliveries = await tasks.service.deliveries("me", sent.task.taskUUID);
    expect(deliveries.map((delivery) => [delivery.kind, delivery.target, delivery.state])).toEqual([
      ["webhook", "https://a.example/hook", "pending"],
      ["upload", "https://b.example/up", "pending"],
      ["webhook", "https://a.example/hook", "pending"],
      ["upload", "https://b.example/up", "pending"],
    ]);
  });

  test("a stalled worker that continues after its lease can write nothing", async () => {
    const sent = aTask({ webhookURL: "https://a.example/hook" });
    await tasks.service.submit("me", sent);
    const stalled = (await tasks.queue.claim())!;
    await tasks.db.query("update tasks set lease_until = now() - interval '1 second'");
    expect(await tasks.queue.sweep()).toBe(1);
    const next = (await tasks.queue.claim())!;
    expect(next).toMatchObject({ attempt: 2, failures: 1 });
    expect(await stalled.result(aResult(stalled, 0), true)).toBe(false);
    expect(await stalled.succeed()).toBe(false);
    expect(await stalled.handBack()).toBe(false);
    expect(await stalled.fail({ error: tasks.error, death: false, again: true })).toBe("lost");
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({
      state: "running",
      attempt: 2,
      results: [],
    });
    expect(await next.result(aResult(next, 0), true)).toBe(true);
    expect((await tasks.service.get("me", sent.task.taskUUID))?.results).toHaveLength(1);
    expect(await tasks.service.deliveries("me", sent.task.taskUUID)).toHaveLength(1);
    stalled.release();
    next.release();
  });

  describe("a worker that was silent for too long and still lives", () => {
    const alive = () =>
      createTaskQueue({
        db: tasks.db,
        signals: tasks.signals,
        presence: tasks.presence,
        lane: "pictures",
        renewMs: 20,
      });
    const silence = async () => {
      // Its next renewal must not come before the sweep.
      await tasks.db.transaction(async (tx) => {
        await tx.query("update tasks set lease_until = now() - interval '1 second'");
        await tx.query(
          "update tasks set failures = failures + 1, lost_attempt = attempt, state = 'queued', lease_until = null",
        );
      });
    };

    test("takes its task back if no other worker has it, without losing an attempt", async () => {
      const queue = alive();
      const sent = aTask();
      await tasks.service.submit("me", sent);
      const claim = (await queue.claim())!;
      await silence();
      await expect.poll(async () => (await tasks.service.get("me", sent.task.taskUUID))?.state).toBe("running");
      expect(claim.signal.aborted).toBe(false);
      expect(await tasks.db.query("select attempt, failures from tasks")).toEqual([{ attempt: 1, failures: 0 }]);
      expect(await claim.result(aResult(claim, 0), true)).toBe(true);
      claim.release();
      queue.close();
    });

    test("loses it to the worker that claimed it, whose lease stays; the attempt is given back", async () => {
      await tasks.service.submit("me", aTask());
      const queue = alive();
      const claim = (await queue.claim())!;
      await tasks.db.transaction(async (tx) => {
        await tx.query(
          `update tasks set failures = 1, lost_attempt = 1, attempt = 2, lease_until = now() + interval '5 seconds'`,
        );
      });
      const lease = () => tasks.db.query("select lease_until::text, failures from tasks");
      const [before] = await lease();
      await expect.poll(() => claim.signal.aborted).toBe(true);
      await expect.poll(lease).toEqual([{ ...before, failures: 0 }]);
      claim.release();
      queue.close();
    });
  });

  test("between attempts there are pauses of 1 s and 3 s", async () => {
    const queue = createTaskQueue({ db: tasks.db, signals: tasks.signals, presence: tasks.presence, lane: "pictures" });
    await tasks.service.submit("me", aTask());
    for (const pause of [1, 3]) {
      const claim = (await queue.claim())!;
      expect(await claim.fail({ error: tasks.error, death: false, again: true })).toBe("retry");
      claim.release();
      expect(await queue.claim()).toBeUndefined();
      const [row] = await tasks.db.query<{ pause: number }>(
        "select extract(epoch from not_before - now())::float8 as pause from tasks",
      );
      expect(row!.pause).toBeGreaterThan(pause - 1);
      expect(row!.pause).toBeLessThanOrEqual(pause);
      await tasks.db.query("update tasks set not_before = now()");
    }
    queue.close();
  });

  test("a result of an earlier attempt is kept and creates no second delivery", async () => {
    const sent = aTask({ numberResults: 2, webhookURL: "https://a.example/hook" });
    await tasks.service.submit("me", sent);
    const first = (await tasks.queue.claim())!;
    await first.result(aResult(first, 0), false);
    first.release();
    await tasks.queue.sweep(true);
    const second = (await tasks.queue.claim())!;
    expect(second.finished).toEqual([0]);
    expect(await second.result(aResult(second, 0), false)).toBe(true);
    expect(await second.result(aResult(second, 1), true)).toBe(true);
    second.release();
    expect((await tasks.service.get("me", sent.task.taskUUID))?.results).toHaveLength(2);
    expect(await tasks.service.deliveries("me", sent.task.taskUUID)).toHaveLength(2);
  });

  test("a task is tried three times and then fails with its reason, sent by webhook", async () => {
    const sent = aTask({ webhookURL: "https://a.example/hook" });
    await tasks.service.submit("me", sent);
    const ends = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const claim = (await tasks.queue.claim())!;
      expect(claim.attempt).toBe(attempt);
      ends.push(await claim.fail({ error: tasks.error, death: false, again: true }));
      claim.release();
    }
    expect(ends).toEqual(["retry", "retry", "failed"]);
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({
      state: "failed",
      error: tasks.error,
      attempt: 3,
    });
    expect(await tasks.service.deliveries("me", sent.task.taskUUID)).toMatchObject([
      { kind: "webhook", state: "pending" },
    ]);
    expect(await tasks.queue.claim()).toBeUndefined();
  });

  test("a task that kills the engine twice gets no third attempt", async () => {
    await tasks.service.submit("me", aTask());
    const ends = [];
    for (let attempt = 1; attempt <= 2; attempt++) {
      const claim = (await tasks.queue.claim())!;
      ends.push(await claim.fail({ error: tasks.error, death: true, again: true }));
      claim.release();
    }
    expect(ends).toEqual(["retry", "failed"]);
  });

  test("a lost worker costs one attempt; the third one fails the task", async () => {
    const sent = aTask({ webhookURL: "https://a.example/hook" });
    await tasks.service.submit("me", sent);
    for (let attempt = 1; attempt <= 3; attempt++) {
      (await tasks.queue.claim())!.release();
      expect(await tasks.queue.sweep(true)).toBe(1);
    }
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({
      state: "failed",
      error: { code: "inferenceError" },
    });
    expect(await tasks.service.deliveries("me", sent.task.taskUUID)).toHaveLength(1);
  });

  test("with any accepted text, a task can succeed, fail and return from a lost worker", async () => {
    const texts = ["\0", "a\ud800", "\udc00a", "\\u0000 \\ud800", "\u0001\u007f\ufffe\u2028", "😀"];
    const sent = texts.flatMap((positivePrompt) => {
      const raw = { ...aTask().task, positivePrompt, webhookURL: "https://a.example/hook", seed: 1 };
      const parsed = parseTask(raw);
      return parsed.ok ? [{ task: parsed.task as ImageInferenceTask, request: stringifyJson(parsed.raw) }] : [];
    });
    expect(sent.map(({ task }) => task.positivePrompt)).toEqual(texts.slice(3));
    for (const end of ["result", "fail", "sweep"] as const) {
      for (const { task, request } of sent) {
        const taskUUID = crypto.randomUUID();
        await tasks.service.submit("me", { task: { ...task, taskUUID }, request });
        const claim = (await tasks.queue.claim())!;
        if (end === "result") expect(await claim.result(aResult(claim, 0), true)).toBe(true);
        if (end === "fail") expect(await claim.fail({ error: tasks.error, death: false, again: false })).toBe("failed");
        claim.release();
        if (end === "sweep") {
          await tasks.db.query("update tasks set failures = 9 where state = 'running'");
          expect(await tasks.queue.sweep(true)).toBe(1);
        }
        expect((await tasks.service.get("me", taskUUID))?.task).toEqual({ ...task, taskUUID });
        expect(await tasks.service.deliveries("me", taskUUID)).toHaveLength(1);
      }
    }
  });

  test("a returned task has lost nothing and is next", async () => {
    await tasks.service.submit("me", aTask());
    await tasks.service.submit("me", aTask());
    const claim = (await tasks.queue.claim())!;
    expect(await claim.handBack()).toBe(true);
    claim.release();
    const again = (await tasks.queue.claim())!;
    expect(again).toMatchObject({ taskUUID: claim.taskUUID, attempt: 2, failures: 0 });
    again.release();
  });

  test("expired tasks are deleted once their deliveries have ended", async () => {
    const plain = aTask();
    const owing = aTask({ webhookURL: "https://a.example/hook" });
    for (const sent of [plain, owing]) {
      await tasks.service.submit("me", sent);
      const claim = (await tasks.queue.claim())!;
      await claim.result(aResult(claim, 0), true);
      claim.release();
    }
    expect(await tasks.expire()).toBe(0);
    await tasks.db.query("update tasks set finished_at = now() - interval '25 hours'");
    expect(await tasks.expire()).toBe(1);
    expect(await tasks.service.get("me", plain.task.taskUUID)).toBeUndefined();
    expect(await tasks.service.get("me", owing.task.taskUUID)).toBeDefined();
    const images = await tasks.db.query("select task_id from images order by created_at");
    expect(images).toMatchObject([{ task_id: null }, {}]);
  });
});

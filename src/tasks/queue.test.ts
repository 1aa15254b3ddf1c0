import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TEST_DATABASES } from "../../test/support/databases.ts";
import { anUpload, aResult, aTask, type OpenTasks, openTasks } from "../../test/support/tasks.ts";
import { createTaskQueue } from "./queue.ts";

for (const database of TEST_DATABASES) {
  describe.skipIf(database.skip)(
    `the life of a task on ${database.name}${database.skip ? ` (${database.skip})` : ""}`,
    () => {
      let open: Awaited<ReturnType<typeof database.open>>;
      let tasks: OpenTasks;
      beforeAll(async () => {
        open = await database.open();
        tasks = await openTasks(open.db);
      });
      beforeEach(() => tasks.clear());
      afterAll(async () => {
        await tasks?.close();
        await open?.drop();
      });

      test("a submitted task is found by its owner only, with every digit of its seed", async () => {
        const sent = aTask({ seed: 9_223_372_036_854_775_807n });
        const outcome = await tasks.service.submit("me", sent);
        expect(outcome.kind).toBe("accepted");
        const found = await tasks.service.get("me", sent.task.taskUUID);
        expect(found).toMatchObject({
          state: "queued",
          seed: 9_223_372_036_854_775_807n,
          place: 0,
          attempt: 0,
          results: [],
        });
        expect(found?.task).toEqual(sent.task);
        expect(found?.request).toBe(sent.request);
        expect(await tasks.service.get("you", sent.task.taskUUID)).toBeUndefined();
      });

      test("the same body under the same taskUUID is the same task, another body a conflict", async () => {
        const sent = aTask();
        await tasks.service.submit("me", sent);
        const twin = await tasks.service.submit("me", {
          ...sent,
          task: Object.fromEntries(Object.entries(sent.task).reverse()) as typeof sent.task,
        });
        expect(twin).toMatchObject({ kind: "known", record: { taskUUID: sent.task.taskUUID, state: "queued" } });
        const other = await tasks.service.submit("me", { ...sent, task: { ...sent.task, steps: 7 } });
        expect(other.kind).toBe("conflict");
        expect((await tasks.service.submit("you", { ...sent, task: { ...sent.task, steps: 7 } })).kind).toBe(
          "accepted",
        );
        expect(await tasks.service.counts()).toEqual({ queued: 2, running: 0 });
      });

      test("of fifty twins sent at once, one is accepted", async () => {
        const sent = aTask();
        const outcomes = await Promise.all(Array.from({ length: 50 }, () => tasks.service.submit("me", sent)));
        expect(outcomes.filter((outcome) => outcome.kind === "accepted")).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome.kind === "known")).toHaveLength(49);
        expect(await tasks.service.counts()).toEqual({ queued: 1, running: 0 });
      });

      test("a full queue refuses new tasks and still knows old ones", async () => {
        const first = aTask();
        await tasks.service.submit("me", first);
        for (let i = 1; i < tasks.maxQueued; i++) await tasks.service.submit("me", aTask());
        expect((await tasks.service.submit("me", aTask())).kind).toBe("queueFull");
        expect((await tasks.service.submit("me", first)).kind).toBe("known");
      });

      test("model uploads wait in a lane of their own, and cost nobody their turn with pictures", async () => {
        const uploads = createTaskQueue({ db: open.db, signals: tasks.signals, lane: "uploads", worker: "test" });
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
        await open.db.query("update tasks set lease_until = now() - interval '1 second'");
        expect(await uploads.sweep()).toBe(1);
        const again = (await uploads.claim())!;
        expect(again).toMatchObject({ attempt: 2, taskUUID: sent.task.taskUUID });
        expect(await claim.succeed()).toBe(false);
        expect(await again.succeed()).toBe(true);
        expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({ state: "succeeded", attempt: 2 });
        for (const each of [claim, again]) each.release();
        uploads.close();
      });

      test("results come one by one, the last one with success, and owe their deliveries", async () => {
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

      test("a stalled worker that wakes after its lease ran out can write nothing", async () => {
        const sent = aTask({ webhookURL: "https://a.example/hook" });
        await tasks.service.submit("me", sent);
        const stalled = (await tasks.queue.claim())!;
        await open.db.query("update tasks set lease_until = now() - interval '1 second'");
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

      test("a result that an earlier attempt recorded is kept and owes nothing twice", async () => {
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

      test("a task is tried three times and then fails with its reason, told by webhook", async () => {
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

      test("a task that kills the engine twice is not given a third one", async () => {
        await tasks.service.submit("me", aTask());
        const ends = [];
        for (let attempt = 1; attempt <= 2; attempt++) {
          const claim = (await tasks.queue.claim())!;
          ends.push(await claim.fail({ error: tasks.error, death: true, again: true }));
          claim.release();
        }
        expect(ends).toEqual(["retry", "failed"]);
      });

      test("a lost worker costs an attempt, the third one the task", async () => {
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

      test("a task handed back has lost nothing and is next", async () => {
        await tasks.service.submit("me", aTask());
        await tasks.service.submit("me", aTask());
        const claim = (await tasks.queue.claim())!;
        expect(await claim.handBack()).toBe(true);
        claim.release();
        const again = (await tasks.queue.claim())!;
        expect(again).toMatchObject({ taskUUID: claim.taskUUID, attempt: 2, failures: 0 });
        again.release();
      });

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

      test("an owner who comes late is served next, not after another's whole queue", async () => {
        for (let i = 0; i < 6; i++) await tasks.service.submit("busy", aTask());
        const running = (await tasks.queue.claim())!;
        const late = aTask();
        await tasks.service.submit("late", late);
        const lateToo = aTask();
        await tasks.service.submit("late", lateToo);
        expect((await tasks.service.get("late", late.task.taskUUID))?.place).toBe(0);
        const order = [];
        for (let claim = await tasks.queue.claim(); claim; claim = await tasks.queue.claim()) {
          order.push(claim.owner);
          claim.release();
        }
        running.release();
        expect(order).toEqual(["late", "busy", "late", "busy", "busy", "busy", "busy"]);
      });

      test("a task of many pictures uses up as many turns", async () => {
        await tasks.service.submit("a", aTask({ numberResults: 4 }));
        await tasks.service.submit("a", aTask());
        for (let i = 0; i < 5; i++) await tasks.service.submit("b", aTask());
        const order = [];
        for (let claim = await tasks.queue.claim(); claim; claim = await tasks.queue.claim()) {
          order.push(claim.owner);
          claim.release();
        }
        expect(order).toEqual(["a", "b", "b", "b", "b", "a", "b"]);
      });

      test("places count from the next one to start", async () => {
        const sent = [aTask(), aTask(), aTask()];
        for (const [place, one] of sent.entries()) {
          await tasks.service.submit("me", one);
          expect((await tasks.service.get("me", one.task.taskUUID))?.place).toBe(place);
        }
        (await tasks.queue.claim())!.release();
        const places = await Promise.all(
          sent.map(async (one) => (await tasks.service.get("me", one.task.taskUUID))?.place),
        );
        expect(places).toEqual([undefined, 0, 1]);
      });

      test("waiting for the final state hears of it at once; aborting the wait leaves the task alone", async () => {
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

      test("a subscriber hears of the whole life in order, and a late one of what it missed", async () => {
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

      test("expired tasks are forgotten once their deliveries are settled", async () => {
        const plain = aTask();
        const owing = aTask({ webhookURL: "https://a.example/hook" });
        for (const sent of [plain, owing]) {
          await tasks.service.submit("me", sent);
          const claim = (await tasks.queue.claim())!;
          await claim.result(aResult(claim, 0), true);
          claim.release();
        }
        expect(await tasks.expire()).toBe(0);
        await open.db.query("update tasks set finished_at = now() - interval '25 hours'");
        expect(await tasks.expire()).toBe(1);
        expect(await tasks.service.get("me", plain.task.taskUUID)).toBeUndefined();
        expect(await tasks.service.get("me", owing.task.taskUUID)).toBeDefined();
        const images = await open.db.query("select task_id from images order by created_at");
        expect(images).toMatchObject([{ task_id: null }, {}]);
      });
    },
  );
}

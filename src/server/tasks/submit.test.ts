import { expect, test } from "vitest";
import { onEachDatabase } from "../../../test/support/on-each-database.ts";
import { aTask } from "../../../test/support/tasks.ts";
import { createTaskService } from "./service.ts";
import type { Submission } from "./types.ts";

onEachDatabase("submitting a task", (tasks) => {
  test("only its owner finds a submitted task, with every digit of its seed", async () => {
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
    expect(await tasks.service.get("you", sent.task.taskUUID)).toBeUndefined();
    expect(found).not.toHaveProperty("request");
    expect(await tasks.service.request("me", sent.task.taskUUID)).toBe(sent.request);
    expect(await tasks.service.request("you", sent.task.taskUUID)).toBeUndefined();
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
    expect((await tasks.service.submit("you", { ...sent, task: { ...sent.task, steps: 7 } })).kind).toBe("accepted");
    expect(await tasks.service.counts()).toEqual({ queued: 2, running: 0 });
  });

  test("a taskUUID is the same in any letter case, and is returned as each caller wrote it", async () => {
    const sent = aTask();
    const [lower, upper] = [sent.task.taskUUID.toLowerCase(), sent.task.taskUUID.toUpperCase()];
    await tasks.service.submit("me", { ...sent, task: { ...sent.task, taskUUID: upper } });
    const again = await tasks.service.submit("me", { ...sent, task: { ...sent.task, taskUUID: lower } });
    expect(again).toMatchObject({ kind: "known", record: { taskUUID: lower } });
    expect(await tasks.service.counts()).toEqual({ queued: 1, running: 0 });
    expect(await tasks.service.get("me", lower)).toMatchObject({ taskUUID: lower, task: { taskUUID: upper } });
    expect(await tasks.service.get("me", upper)).toMatchObject({ taskUUID: upper });
    expect(await tasks.service.request("me", lower)).toBe(sent.request);
    expect(await tasks.service.cancel("me", lower)).toMatchObject({ state: "cancelled" });
  });

  test("a failed task starts again when it is submitted again, even with another body", async () => {
    const sent = aTask();
    await tasks.service.submit("me", sent);
    const lease = (await tasks.queue.claim())!;
    await lease.fail({ error: { code: "inferenceError", message: "no" }, death: false, again: false });
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({ state: "failed" });
    const outcomes = await Promise.all([tasks.service.submit("me", sent), tasks.service.submit("me", sent)]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["accepted", "known"]);
    expect(await tasks.service.get("me", sent.task.taskUUID)).toMatchObject({
      state: "queued",
      attempt: 0,
      results: [],
    });
  });

  test("of fifty identical tasks submitted together, one is accepted", async () => {
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

  test("one owner fills its share of the queue, rounded down; the rest stays free for others", async () => {
    const { db, signals, presence } = tasks;
    const shared = createTaskService({ db, signals, presence, maxQueued: 5, queueShare: 0.5 });
    const kinds = [];
    for (const owner of ["me", "me", "me", "you", "you", "them", "them"]) {
      kinds.push((await shared.submit(owner, aTask())).kind);
    }
    shared.close();
    const [yes, no] = ["accepted", "queueFull"];
    expect(kinds).toEqual([yes, yes, no, yes, yes, yes, no]);
  });

  test("the same for tasks submitted together and stored in two batches; the remaining room is for owners with a share left", async () => {
    const { db, signals, presence } = tasks;
    const shared = createTaskService({ db, signals, presence, maxQueued: 5, queueShare: 0.5 });
    const owners = ["me", "me", "me", "you", "you", "them", "them"];
    const outcomes = await Promise.all(owners.map((owner) => shared.submit(owner, aTask())));
    const own = await shared.submit("them", { ...aTask(), mostWaiting: 9 });
    shared.close();
    const [yes, no] = ["accepted", "queueFull"];
    expect(outcomes.map(({ kind }) => kind)).toEqual([yes, yes, no, yes, yes, yes, no]);
    expect(own).toMatchObject({ kind: "queueFull", waiting: 5 });
  });

  test("an owner's limit can be smaller or larger than the common share", async () => {
    const { db, signals, presence } = tasks;
    const shared = createTaskService({ db, signals, presence, maxQueued: 5, queueShare: 0.5 });
    const kinds = [];
    for (const mostWaiting of [1, 1, 4, 4, 4, 4]) {
      kinds.push((await shared.submit("me", { ...aTask(), mostWaiting })).kind);
    }
    shared.close();
    expect(kinds).toEqual(["accepted", "queueFull", "accepted", "accepted", "accepted", "queueFull"]);
  });

  test("a task that cannot be stored does not affect the others of its batch", async () => {
    const sent = Array.from({ length: 4 }, () => aTask());
    const broken = sent.map((one, i) => (i === 2 ? { ...one, request: "not for PostgreSQL: \u0000" } : one));
    const outcomes = await Promise.allSettled(broken.map((one) => tasks.service.submit("me", one)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(await tasks.service.counts()).toEqual({ queued: 3, running: 0 });
  });

  test("a late owner is served next, not after another's whole queue", async () => {
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

  test.each(["one by one", "at once"])(
    "a task with several images uses that many turns, submitted in %s",
    async (how) => {
      const sent = [
        ["a", aTask({ numberResults: 4 })],
        ["a", aTask()],
        ...Array.from({ length: 5 }, () => ["b", aTask()]),
      ];
      const submit = ([owner, task]: (typeof sent)[number]) =>
        tasks.service.submit(owner as string, task as Submission);
      if (how === "at once") await Promise.all(sent.map(submit));
      else for (const one of sent) await submit(one);
      const order = [];
      for (let claim = await tasks.queue.claim(); claim; claim = await tasks.queue.claim()) {
        order.push(claim.owner);
        claim.release();
      }
      expect(order).toEqual(["a", "b", "b", "b", "b", "a", "b"]);
    },
  );

  test("positions count from the next task to start", async () => {
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
});

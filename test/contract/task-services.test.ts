/** The task service in memory, which the HTTP tests run on, keeps the promises of the real one: the same tests for both. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TaskError } from "../../src/protocol/index.ts";
import { openDatabase } from "../../src/server/database/index.ts";
import type { Claim, TaskEvent, TaskService } from "../../src/server/tasks/index.ts";
import { aResult, aTask, openTasks } from "../support/tasks.ts";
import { createMemoryTasks } from "./memory-tasks.ts";

/** A service, and what a worker does behind it. */
interface Subject {
  readonly service: TaskService;
  /** Finishes the next picture of the oldest task; the last one ends it. */
  picture(taskUUID: string): Promise<unknown>;
  fail(taskUUID: string): Promise<unknown>;
  close(): Promise<void>;
}

const ERROR = new TaskError("inferenceError", { reason: "Test." }).body;

async function real(maxQueued: number): Promise<Subject> {
  const db = await openDatabase({});
  const { service, queue, close } = await openTasks(db, maxQueued);
  const claims = new Map<string, Claim>();
  const claimOf = async (taskUUID: string): Promise<Claim> => {
    const known = claims.get(taskUUID);
    if (known) return known;
    const claim = await queue.claim();
    if (claim === undefined) throw new Error("nothing to claim");
    claims.set(claim.taskUUID, claim);
    return claimOf(taskUUID);
  };
  const done = new Map<string, number>();
  return {
    service,
    async picture(taskUUID) {
      const claim = await claimOf(taskUUID);
      const index = done.get(taskUUID) ?? 0;
      done.set(taskUUID, index + 1);
      await claim.result(aResult(claim, index), index + 1 === (claim.task as { numberResults: number }).numberResults);
    },
    async fail(taskUUID) {
      const claim = await claimOf(taskUUID);
      await claim.fail({ error: ERROR, death: false, again: false });
      claim.release();
      claims.delete(taskUUID);
    },
    async close() {
      for (const claim of claims.values()) claim.release();
      await close();
      await db.close();
    },
  };
}

async function inMemory(maxQueued: number): Promise<Subject> {
  const service = createMemoryTasks();
  service.onAccept = () => undefined;
  service.maxQueued = maxQueued;
  return {
    service,
    picture: async (taskUUID) => service.picture(taskUUID),
    fail: async (taskUUID) => service.fail(taskUUID, ERROR),
    close: async () => undefined,
  };
}

describe.each([
  ["on PGlite", real],
  ["in memory", inMemory],
] as const)("the task service %s", (_, open) => {
  let subject: Subject;
  beforeAll(async () => {
    subject = await open(100);
  });
  afterAll(() => subject.close());
  const me = () => crypto.randomUUID(); // an owner a test, whose tasks nobody else has

  async function submitted(owner: string, fields: Parameters<typeof aTask>[0] = {}) {
    const sent = aTask(fields);
    const outcome = await subject.service.submit(owner, sent);
    expect(outcome).toMatchObject({ kind: "accepted", record: { state: "queued", results: [] } });
    return sent;
  }

  test("a repeated task is known, with other parameters a conflict, from another owner a new one", async () => {
    const owner = me();
    const sent = await submitted(owner);
    const { taskUUID } = sent.task;
    expect(await subject.service.submit(owner, sent)).toMatchObject({ kind: "known", record: { taskUUID } });
    const other = aTask({ taskUUID, positivePrompt: "a kettle" });
    expect(await subject.service.submit(owner, other)).toEqual({ kind: "conflict" });
    await subject.service.cancel(owner, taskUUID);
  });

  test("taskUUIDs ignore letter case", async () => {
    const owner = me();
    const sent = await submitted(owner);
    const loud = sent.task.taskUUID.toUpperCase();
    expect(await subject.service.get(owner, loud)).toMatchObject({ taskUUID: loud, state: "queued" });
    expect(await subject.service.cancel(owner, loud)).toMatchObject({ taskUUID: loud, state: "cancelled" });
  });

  test("tasks of other owners cannot be found, cancelled, watched or polled", async () => {
    const owner = me();
    const { task } = await submitted(owner);
    const { service } = subject;
    expect(await service.get("stranger", task.taskUUID)).toBeUndefined();
    expect(await service.cancel("stranger", task.taskUUID)).toBeUndefined();
    expect(await service.waitForFinal("stranger", task.taskUUID)).toBeUndefined();
    expect(await service.subscribe("stranger", task.taskUUID, () => undefined)).toBeUndefined();
    expect(await service.request("stranger", task.taskUUID)).toBeUndefined();
    await service.abandon("stranger", task.taskUUID);
    expect(await service.get(owner, task.taskUUID)).toMatchObject({ state: "queued" });
    await service.cancel(owner, task.taskUUID);
  });

  test("watchers receive images one by one, the end last; later watchers receive all of it", async () => {
    const owner = me();
    const { task } = await submitted(owner, { numberResults: 2 });
    const { service } = subject;
    const seen: TaskEvent[] = [];
    const results = () => seen.filter(({ type }) => type === "result").length;
    await service.subscribe(owner, task.taskUUID, (event) => seen.push(event));
    const end = service.waitForFinal(owner, task.taskUUID);
    await subject.picture(task.taskUUID);
    await expect.poll(results).toBe(1);
    expect(await service.get(owner, task.taskUUID)).toMatchObject({ state: "running", results: [{ index: 0 }] });
    await subject.picture(task.taskUUID);
    expect(await end).toMatchObject({ state: "succeeded", results: [{ index: 0 }, { index: 1 }] });
    await expect.poll(() => seen.at(-1)?.type).toBe("final");
    expect(results()).toBe(2);

    const late: string[] = [];
    await service.subscribe(owner, task.taskUUID, ({ type }) => late.push(type));
    await expect.poll(() => late).toEqual(["started", "result", "result", "final"]);
  });

  test("waiting ends with the reason of the signal; the task continues", async () => {
    const owner = me();
    const { task } = await submitted(owner);
    const stop = new AbortController();
    const waiting = subject.service.waitForFinal(owner, task.taskUUID, stop.signal);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(await subject.service.get(owner, task.taskUUID)).toMatchObject({ state: "queued" });
    await subject.service.cancel(owner, task.taskUUID);
  });

  test("a second cancel changes nothing; a cancelled task stays cancelled when it is submitted again", async () => {
    const owner = me();
    const sent = await submitted(owner);
    const { taskUUID } = sent.task;
    for (const _ of [1, 2]) {
      expect(await subject.service.cancel(owner, taskUUID)).toMatchObject({ state: "cancelled" });
    }
    expect(await subject.service.submit(owner, sent)).toMatchObject({ kind: "known", record: { state: "cancelled" } });
  });

  test("abandoned and failed tasks start again when they are submitted again", async () => {
    const owner = me();
    const abandoned = await submitted(owner);
    await subject.service.abandon(owner, abandoned.task.taskUUID);
    expect(await subject.service.get(owner, abandoned.task.taskUUID)).toMatchObject({ state: "cancelled" });
    expect(await subject.service.submit(owner, abandoned)).toMatchObject({ kind: "accepted" });
    await subject.service.cancel(owner, abandoned.task.taskUUID);

    const failed = await submitted(owner);
    await subject.fail(failed.task.taskUUID);
    expect(await subject.service.get(owner, failed.task.taskUUID)).toMatchObject({ state: "failed", error: ERROR });
    expect(await subject.service.submit(owner, failed)).toMatchObject({ kind: "accepted" });
    await subject.service.cancel(owner, failed.task.taskUUID);
  });

  test("the list is the owner's, newest first, by state; all queued ones can be cancelled together", async () => {
    const owner = me();
    const [first, second] = [await submitted(owner), await submitted(owner)];
    const list = async (...states: ("queued" | "cancelled")[]) =>
      (await subject.service.list(owner, { states, limit: 10 })).tasks.map(({ record }) => record.taskUUID);
    expect(await list("queued")).toEqual([second.task.taskUUID, first.task.taskUUID]);
    const { tasks } = await subject.service.list(owner, { states: ["queued"], limit: 1 });
    expect(tasks).toMatchObject([{ request: second.request }]);
    expect(await subject.service.cancelQueued(owner)).toBe(2);
    expect(await list("queued")).toEqual([]);
    expect(await list("cancelled")).toHaveLength(2);
  });

  test("a full queue accepts no more, and counts give the reason", async () => {
    const full = await open(1);
    try {
      const waiting = aTask();
      expect(await full.service.submit("me", waiting)).toMatchObject({ kind: "accepted" });
      expect(await full.service.submit("me", aTask())).toMatchObject({
        kind: "queueFull",
        waiting: 1,
        retryAfterSeconds: expect.any(Number),
      });
      expect(await full.service.counts()).toEqual({ queued: 1, running: 0 });
    } finally {
      await full.close();
    }
  });
});

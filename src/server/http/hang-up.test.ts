import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, post } from "../../../test/contract/memory-app.ts";
import type { HttpSettings, Uploads } from "./ports.ts";

const start = appsPerTest();

describe("hanging up", () => {
  const hangUp = async (settings: Partial<HttpSettings>) => {
    const { base, tasks, stop } = await start(settings);
    const abort = new AbortController();
    const task = inference();
    tasks.onAccept = () => abort.abort();
    const request = post(base, [task], { signal: abort.signal });
    await expect(request).rejects.toThrow();
    return { base, tasks, stop, task, state: () => tasks.records.get(task.taskUUID)!.state };
  };
  test("cancels a sync task after a while", async () => {
    const { state } = await hangUp({});
    await sleep(300);
    expect(state()).toBe("queued");
    await expect.poll(state, { timeout: 20_000 }).toBe("cancelled");
  });
  test("and it is drawn after all when it is sent again later", async () => {
    const { base, tasks, task, state } = await hangUp({ sessionBuffer: 0 });
    await expect.poll(state, { timeout: 10_000 }).toBe("cancelled");
    tasks.onAccept = (taskUUID) => tasks.finish(taskUUID);
    expect(await post(base, [task])).toMatchObject({ status: 200, body: { data: [{ taskUUID: task.taskUUID }] } });
  });
  test("unless set otherwise", async () => {
    const { state } = await hangUp({ cancelOnHangUp: false, sessionBuffer: 0.1 });
    await sleep(500);
    expect(state()).toBe("queued");
  });
  test("not when the task is sent again by then", async () => {
    const { base, tasks, task, state } = await hangUp({ sessionBuffer: 2 });
    const again = post(base, [task]);
    await sleep(2500);
    expect(state()).toBe("queued");
    tasks.finish(task.taskUUID);
    expect(await again).toMatchObject({ status: 200, body: { data: [{ taskUUID: task.taskUUID }] } });
  });
  test("not once the server stops", async () => {
    const { stop, state } = await hangUp({ sessionBuffer: 0.5 });
    await sleep(200);
    stop.abort();
    await sleep(800);
    expect(state()).toBe("queued");
  });

  test("not while somebody else waits for it", async () => {
    const { base, tasks } = await start({ sessionBuffer: 0.1 });
    tasks.onAccept = () => undefined;
    const task = inference();
    const abort = new AbortController();
    const impatient = post(base, [task], { signal: abort.signal }).catch(() => undefined);
    await tasks.accepted(task.taskUUID);
    const patient = post(base, [task]);
    await sleep(500);
    abort.abort();
    await impatient;
    await sleep(500);
    tasks.finish(task.taskUUID);
    expect((await patient).body.data).toHaveLength(1);
  });

  test("an imageUpload ends when its client hangs up", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const store: Uploads["store"] = async (_owner, _parameter, _image, signal) => {
      begun.resolve(signal);
      await once(signal, "abort");
      throw signal.reason;
    };
    const { base, logged } = await start({}, { uploads: { store } });
    const abort = new AbortController();
    const upload = { taskType: "imageUpload", taskUUID: crypto.randomUUID(), image: "https://a.example/a.png" };
    const request = post(base, [upload], { signal: abort.signal }).catch(() => undefined);
    const signal = await begun.promise;
    abort.abort();
    await request;
    await expect.poll(() => signal.aborted, { timeout: 10_000 }).toBe(true);
    expect(signal.reason).toMatchObject({ code: "taskCancelled" });
    expect(logged).not.toContainEqual(expect.objectContaining({ err: expect.anything() }));
  });
});

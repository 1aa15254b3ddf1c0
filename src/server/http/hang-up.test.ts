import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, post } from "../../../test/contract/memory-app.ts";
import { handClock } from "../../../test/support/hand-clock.ts";
import type { HttpSettings, Uploads } from "./ports.ts";

const start = appsPerTest();

describe("a client that disconnects", () => {
  /** A task whose client has gone, and a clock that has stood still since the server has noticed. */
  const hangUp = async (settings: Partial<HttpSettings> = {}) => {
    const clock = handClock();
    const { base, tasks, stop } = await start(settings, { ports: { later: clock.later } });
    const abort = new AbortController();
    const task = inference();
    tasks.onAccept = () => abort.abort();
    const request = post(base, [task], { signal: abort.signal });
    await expect(request).rejects.toThrow();
    await expect.poll(() => clock.isDueIn(5)).toBe(true);
    return { base, tasks, stop, task, clock, state: () => tasks.records.get(task.taskUUID)!.state };
  };
  test("cancels its sync task after a while", async () => {
    const { state, clock } = await hangUp();
    clock.pass(4.9);
    expect(state()).toBe("queued");
    clock.pass(0.1);
    expect(state()).toBe("cancelled");
  });
  test("and sooner if results are kept for less time", async () => {
    const clock = handClock();
    const { base, tasks } = await start({ sessionBuffer: 2 }, { ports: { later: clock.later } });
    const abort = new AbortController();
    const task = inference();
    tasks.onAccept = () => abort.abort();
    await expect(post(base, [task], { signal: abort.signal })).rejects.toThrow();
    await expect.poll(() => clock.isDueIn(2)).toBe(true);
  });
  test("and a later submission runs the task again", async () => {
    const { base, tasks, task, state, clock } = await hangUp();
    clock.pass(5);
    expect(state()).toBe("cancelled");
    tasks.onAccept = (taskUUID) => tasks.finish(taskUUID);
    expect(await post(base, [task])).toMatchObject({ status: 200, body: { data: [{ taskUUID: task.taskUUID }] } });
  });
  test("unless the setting disables it", async () => {
    const { state, clock } = await hangUp({ cancelOnHangUp: false });
    clock.pass(60);
    expect(state()).toBe("queued");
  });
  test("not if the task is submitted again by then", async () => {
    const { base, tasks, task, state, clock } = await hangUp();
    const again = post(base, [task]);
    await expect.poll(() => tasks.listening(task.taskUUID)).toBe(1);
    clock.pass(20);
    expect(state()).toBe("queued");
    tasks.finish(task.taskUUID);
    expect(await again).toMatchObject({ status: 200, body: { data: [{ taskUUID: task.taskUUID }] } });
  });
  test("not while the server stops", async () => {
    const { stop, state, clock } = await hangUp();
    stop.abort();
    clock.pass(60);
    expect(state()).toBe("queued");
  });

  test("not while another client waits for it", async () => {
    const clock = handClock();
    const { base, tasks } = await start({}, { ports: { later: clock.later } });
    tasks.onAccept = () => undefined;
    const task = inference();
    const abort = new AbortController();
    const impatient = post(base, [task], { signal: abort.signal }).catch(() => undefined);
    await tasks.accepted(task.taskUUID);
    const patient = post(base, [task]);
    await expect.poll(() => tasks.listening(task.taskUUID)).toBe(2);
    abort.abort();
    await impatient;
    await expect.poll(() => clock.isDueIn(5)).toBe(true);
    clock.pass(20);
    tasks.finish(task.taskUUID);
    expect((await patient).body.data).toHaveLength(1);
  });

  test("an imageUpload ends when its client disconnects", async () => {
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

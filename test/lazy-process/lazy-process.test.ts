import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { createLazyProcess, type LazyProcess, ProcessLost } from "../../src/drawing/lazy-process/index.ts";

const program = "test/stand-ins/echo-child.ts";
let child: LazyProcess<string, string>;
afterEach(() => child.stop());

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("starts with the first call, once for all", async () => {
  child = createLazyProcess(program, { args: ["said "] });
  expect(child.pid).toBeUndefined();
  expect(await Promise.all(["a", "b", "c"].map((text) => child.call(text)))).toEqual(["said a", "said b", "said c"]);
  const { pid } = child;
  await child.call("again");
  expect(child.pid).toBe(pid);
});

test("ends when idle and starts again when needed", async () => {
  child = createLazyProcess(program, { idleMs: 50 });
  await child.call("a");
  const pid = child.pid!;
  expect(isRunning(pid)).toBe(true);
  await expect.poll(() => isRunning(pid)).toBe(false);
  expect(child.pid).toBeUndefined();
  expect(await child.call("b")).toBe("b");
  expect(child.pid).not.toBe(pid);
});

test("a call that comes while the idle process is being ended is answered all the same", async () => {
  child = createLazyProcess(program, { idleMs: 5 });
  for (let pause = 0; pause < 10; pause++) {
    expect(await child.call("a")).toBe("a");
    await sleep(pause);
  }
});

test("a crash fails the calls under way; the next one starts a new process", async () => {
  child = createLazyProcess(program);
  const doomed = Promise.allSettled([child.call("crash"), child.call("behind it")]);
  for (const outcome of await doomed) {
    expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(ProcessLost) });
    expect((outcome as PromiseRejectedResult).reason.message).toContain("exit code 7");
  }
  expect(await child.call("a")).toBe("a");
});

test("signals to the whole process group, such as Ctrl-C, do not end it", async () => {
  child = createLazyProcess(program);
  await child.call("a");
  const pid = child.pid!;
  for (const signal of ["SIGINT", "SIGTERM"]) process.kill(pid, signal);
  expect(await child.call("b")).toBe("b");
  expect(child.pid).toBe(pid);
});

test("a refusal arrives with its name and message", async () => {
  child = createLazyProcess(program);
  await expect(child.call("refuse")).rejects.toMatchObject({ name: "RangeError", message: "not that" });
  expect(await child.call("a")).toBe("a");
});

test("a hung call is ended", async () => {
  child = createLazyProcess(program, { callTimeoutMs: 300 });
  await expect(child.call("hang")).rejects.toThrow(ProcessLost);
});

test("an abort rejects at once with its reason", async () => {
  child = createLazyProcess(program);
  const abort = new AbortController();
  const hung = child.call("hang", abort.signal);
  abort.abort(new Error("enough"));
  await expect(hung).rejects.toThrow("enough");
});

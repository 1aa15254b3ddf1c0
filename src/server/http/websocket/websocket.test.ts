import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../../test/contract/apps-per-test.ts";
import { inference, KEY } from "../../../../test/contract/memory-app.ts";
import { connect, type Frame, login } from "../../../../test/contract/socket-client.ts";
import { handClock } from "../../../../test/support/hand-clock.ts";

const start = appsPerTest();

const PING = { taskType: "ping", ping: true };
const PONG = { data: [{ taskType: "ping", pong: true }] };

describe("authentication", () => {
  test("the reply contains a session and no taskUUID", async () => {
    const { socketUrl } = await start();
    const client = await connect(socketUrl);
    client.send({ taskType: "authentication", apiKey: KEY, taskUUID: crypto.randomUUID() });
    expect(await client.next()).toEqual({
      data: [{ taskType: "authentication", connectionSessionUUID: expect.stringMatching(/^[0-9a-f-]{36}$/) }],
    });
  });

  test.each([{ apiKey: "wrong" }, {}, { apiKey: "" }, { apiKey: 5 }, { apiKey: KEY, foo: 1 }])(
    "%j: the code is the one at which clients stop",
    async (changes) => {
      const { socketUrl } = await start();
      const client = await connect(socketUrl);
      client.send({ taskType: "authentication", ...changes });
      const { errors, error } = await client.next();
      expect(errors).toEqual([error]);
      expect(errors[0]).toMatchObject({ code: "invalidApiKey", taskType: "authentication" });
      expect(errors[0].taskUUID).toBeUndefined();
    },
  );

  test("pings are answered before, during and after a failed authentication", async () => {
    const { socketUrl } = await start();
    const client = await connect(socketUrl);
    client.send(PING);
    expect(await client.next()).toEqual(PONG);
    client.send({ taskType: "authentication", apiKey: "wrong" });
    client.send(PING);
    const two = [await client.next(), await client.next()];
    expect(two).toContainEqual(PONG);
    client.send(PING);
    expect(await client.next()).toEqual(PONG);
  });

  test("a task before authentication is refused with its taskUUID; the socket stays open", async () => {
    const { socketUrl } = await start();
    const client = await connect(socketUrl);
    const task = inference();
    client.send(task);
    expect(await client.next()).toMatchObject({ errors: [{ code: "missingApiKey", taskUUID: task.taskUUID }] });
    client.send({ taskType: "authentication", apiKey: KEY });
    expect(await client.next()).toMatchObject({ data: [{ taskType: "authentication" }] });
  });

  test("a client without authentication can send only a little", async () => {
    const { socketUrl } = await start();
    const client = await connect(socketUrl);
    client.socket.send("x".repeat(70_000));
    expect(await client.closed).toEqual({ code: 1009 });
  });
});

describe("frames", () => {
  test("a frame per image, when it is finished", async () => {
    const { socketUrl, tasks } = await start();
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference({ numberResults: 3 });
    client.send(task);
    await tasks.accepted(task.taskUUID);
    for (const seed of [42, 43, 44]) {
      tasks.picture(task.taskUUID);
      const frame = await client.next();
      expect(frame.data).toHaveLength(1);
      expect(frame.data[0]).toMatchObject({ taskUUID: task.taskUUID, seed });
      expect(frame.errors).toBeUndefined();
    }
  });

  test("two failed tasks: a frame with one error each, and no singular error", async () => {
    const { socketUrl } = await start();
    const client = await login(socketUrl);
    const [first, second] = [inference({ width: 1, height: 1 }), inference({ steps: 0 })];
    client.send(first, second);
    const frames = [await client.next(), await client.next()];
    expect(frames.map((frame: Frame) => frame.errors.length)).toEqual([1, 1]);
    expect(frames.map((frame: Frame) => frame.errors[0].taskUUID)).toEqual([first.taskUUID, second.taskUUID]);
    for (const frame of frames) expect(Object.keys(frame)).toEqual(["errors"]);
  });

  test("a task that fails after a few images", async () => {
    const { socketUrl, tasks } = await start();
    tasks.onAccept = (taskUUID) => {
      tasks.picture(taskUUID);
      tasks.fail(taskUUID, { code: "inferenceError", message: "it broke" });
    };
    const client = await login(socketUrl);
    const task = inference({ numberResults: 2 });
    client.send(task);
    expect(await client.next()).toMatchObject({ data: [{ seed: 42 }] });
    expect(await client.next()).toMatchObject({ errors: [{ code: "inferenceError", taskUUID: task.taskUUID }] });
  });

  test("results of a poll arrive in an earlier frame than its errors", async () => {
    const { socketUrl, tasks } = await start();
    tasks.onAccept = (taskUUID) => {
      tasks.picture(taskUUID);
      tasks.fail(taskUUID, { code: "inferenceError", message: "it broke" });
    };
    const client = await login(socketUrl);
    const task = inference({ numberResults: 2, deliveryMethod: "async" });
    client.send(task);
    await client.next();
    client.send({ taskType: "getResponse", taskUUID: task.taskUUID });
    const frames = [await client.next(), await client.next()];
    expect(frames.map((frame: Frame) => Object.keys(frame))).toEqual([["data"], ["errors"]]);
    expect(frames).toMatchObject([{ data: [{ seed: 42 }] }, { errors: [{ code: "inferenceError" }] }]);
  });

  test("a frame that is no request", async () => {
    const { socketUrl } = await start();
    const client = await login(socketUrl);
    client.socket.send("{");
    expect(await client.next()).toMatchObject({ errors: [{ code: "invalidRequest" }] });
    client.socket.send(new Uint8Array([1, 2, 3]));
    expect(await client.next()).toMatchObject({ errors: [{ code: "invalidRequest" }] });
    client.send(PING);
    expect(await client.next()).toEqual(PONG);
  });

  test("a frame beyond the limit closes the socket", async () => {
    const { socketUrl } = await start();
    const client = await login(socketUrl);
    client.socket.send("x".repeat(2 ** 20 + 1));
    expect((await client.closed).code).toBe(1009);
  });

  test("dryRun in the address", async () => {
    const { socketUrl, tasks } = await start();
    const client = await login(`${socketUrl}?sdk=js&dryRun=1`);
    client.send(inference());
    expect(await client.next()).toMatchObject({ data: [{ dryRun: true }] });
    expect(tasks.records.size).toBe(0);
  });
});

describe("async", () => {
  test("acknowledged, polled, and the socket that polled receives the end", async () => {
    const { socketUrl, tasks } = await start();
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference({ deliveryMethod: "async", numberResults: 2 });
    client.send(task);
    expect(await client.next()).toEqual({ data: [{ taskType: "imageInference", taskUUID: task.taskUUID }] });
    for (const _ of [1, 2]) {
      client.send({ taskType: "getResponse", taskUUID: task.taskUUID });
      expect((await client.next()).data).toMatchObject([{ status: "processing" }, { status: "processing" }]);
    }
    client.send(PING);
    expect(await client.next()).toEqual(PONG); // nothing else has come meanwhile
    tasks.finish(task.taskUUID);
    expect((await client.next()).data).toMatchObject([
      { status: "success", seed: 42 },
      { status: "success", seed: 43 },
    ]);
    client.send(PING);
    expect(await client.next()).toEqual(PONG);
    expect(client.frames).toHaveLength(7);
  });

  test("an unknown taskUUID is an error that carries it", async () => {
    const { socketUrl } = await start();
    const client = await login(socketUrl);
    const taskUUID = crypto.randomUUID();
    client.send({ taskType: "getResponse", taskUUID });
    expect(await client.next()).toMatchObject({ errors: [{ code: "taskFailedOrNotFound", taskUUID }] });
  });
});

describe("silence", () => {
  test("a socket without authentication is closed after half a minute", async () => {
    const clock = handClock();
    const { socketUrl } = await start({}, { ports: { later: clock.later } });
    const [unknown, known] = [await connect(socketUrl), await login(socketUrl)];
    clock.pass(30);
    await expect.poll(() => unknown.socket.readyState).toBe(WebSocket.CLOSING);
    clock.pass(1); // it is not waited for
    expect(await unknown.closed).toEqual({ code: 1008 });
    known.send(PING);
    expect(await known.next()).toEqual(PONG);
  });

  test("a silent socket is closed, one that sends pings is not", async () => {
    const clock = handClock();
    const { socketUrl } = await start({}, { ports: { later: clock.later } });
    const [silent, lively] = [await login(socketUrl), await login(socketUrl)];
    clock.pass(119);
    lively.send(PING);
    expect(await lively.next()).toEqual(PONG);
    clock.pass(119);
    expect(await silent.closed).toEqual({ code: 1000 });
    lively.send(PING);
    expect(await lively.next()).toEqual(PONG);
    clock.pass(120);
    expect(await lively.closed).toEqual({ code: 1000 });
  });

  test("a client that waits for a long task can be silent", async () => {
    const clock = handClock();
    const { app, socketUrl, tasks } = await start({}, { ports: { later: clock.later } });
    let pongs = 0;
    app.websocketServer.on("connection", (socket) => socket.on("pong", () => pongs++));
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference();
    client.send(task);
    await tasks.accepted(task.taskUUID);
    for (const times of [1, 2, 3]) {
      clock.pass(120);
      await expect.poll(() => pongs).toBe(times); // it is there, its socket says
    }
    tasks.finish(task.taskUUID);
    expect(await client.next()).toMatchObject({ data: [{ taskUUID: task.taskUUID }] });
  });
});

test("answers stay quick while a thousand results wait for clients that do not read", async () => {
  const { socketUrl } = await start({}, { bytes: Buffer.alloc(200_000, 7) });
  const lazy = await login(socketUrl);
  for (let i = 0; i < 50; i++) lazy.send(inference({ outputType: "base64Data", numberResults: 20 }));
  const brisk = await login(socketUrl);
  const before = performance.now();
  brisk.send(PING);
  expect(await brisk.next()).toEqual(PONG);
  expect(performance.now() - before).toBeLessThan(20_000); // a busy machine's five
});

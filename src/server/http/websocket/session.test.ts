import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { appsPerTest } from "../../../../test/contract/apps-per-test.ts";
import { inference, KEY } from "../../../../test/contract/memory-app.ts";
import { connect, login } from "../../../../test/contract/socket-client.ts";
import { handClock } from "../../../../test/support/hand-clock.ts";
import { createKeyRing } from "../api-keys.ts";
import { later } from "../later.ts";
import type { Uploads } from "../ports.ts";
import { answerWith } from "../reply.ts";
import { createSessions } from "./session.ts";

const start = appsPerTest();

describe("sessions", () => {
  const broken = (client: { socket: WebSocket }) => client.socket.close(3000);

  /** A client whose sync task has been accepted, and is not finished by itself. */
  async function clientWithTask(settings: Parameters<typeof start>[0] = {}) {
    const clock = handClock();
    const { app, socketUrl, tasks, stop } = await start(settings, { ports: { later: clock.later } });
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference();
    client.send(task);
    await tasks.accepted(task.taskUUID);
    return { app, socketUrl, tasks, stop, client, task, clock, state: () => tasks.records.get(task.taskUUID)!.state };
  }

  test("missed results arrive after resuming", async () => {
    const { socketUrl, tasks, client, task } = await clientWithTask();
    broken(client);
    await client.closed;
    tasks.finish(task.taskUUID);
    const second = await login(socketUrl, { connectionSessionUUID: client.session });
    expect(second.session).toBe(client.session);
    expect(await second.next()).toMatchObject({ data: [{ taskUUID: task.taskUUID, imageURL: expect.any(String) }] });
  });

  test("a client that leaves ten thousand frames unread loses its session and its socket", () => {
    const release = vi.fn();
    const session = createSessions(later).open({ owner: "a", keyName: "a" }, "", release);
    const ended = vi.fn();
    session.endings.add(ended);
    const frame = answerWith({ taskType: "ping", pong: true });
    for (let sent = 0; sent < 10_000; sent++) session.outbox.push(frame);
    expect(release).not.toHaveBeenCalled();
    session.outbox.push(frame);
    expect([release.mock.calls.length, ended.mock.calls.length, session.outbox.length]).toEqual([1, 1, 0]);
  });

  test("another key cannot resume a session", async () => {
    const { socketUrl } = await start({}, { keys: [KEY, "other"] });
    const first = await login(socketUrl);
    const second = await login(socketUrl, { apiKey: "other", connectionSessionUUID: first.session });
    expect(second.session).not.toBe(first.session);
  });

  test("a sync task is cancelled if the client does not return", async () => {
    const { client, clock, state } = await clientWithTask({ sessionBuffer: 60 });
    broken(client);
    await expect.poll(() => clock.isDueIn(60)).toBe(true);
    clock.pass(59);
    expect(state()).toBe("queued");
    clock.pass(1);
    expect(state()).toBe("cancelled");
  });

  test("unless the same task is submitted again on a new socket", async () => {
    const { socketUrl, tasks, client, task, clock } = await clientWithTask();
    broken(client);
    const second = await login(socketUrl);
    second.send(task);
    await expect.poll(() => tasks.listening(task.taskUUID)).toBe(2);
    clock.pass(120);
    expect(tasks.listening(task.taskUUID)).toBe(1);
    tasks.finish(task.taskUUID);
    expect(await second.next()).toMatchObject({ data: [{ taskUUID: task.taskUUID }] });
  });

  test("a resumed session belongs to the new socket, even if the old one seems alive", async () => {
    const clock = handClock();
    const { socketUrl, tasks } = await start({ idleTimeout: 1000 }, { ports: { later: clock.later } });
    tasks.onAccept = () => undefined;
    const first = await login(socketUrl);
    const second = await login(socketUrl, { connectionSessionUUID: first.session });
    expect(second.session).toBe(first.session);
    first.socket.close();
    await first.closed;
    const task = inference();
    second.send(task);
    await tasks.accepted(task.taskUUID);
    clock.pass(500);
    expect(tasks.records.get(task.taskUUID)!.state).toBe("queued");
    tasks.finish(task.taskUUID);
    expect(await second.next()).toMatchObject({ data: [{ taskUUID: task.taskUUID }] });
  });

  test("the socket that held a resumed session is closed; one that authenticates twice stays", async () => {
    const { socketUrl } = await start();
    const first = await login(socketUrl);
    const second = await login(socketUrl, { connectionSessionUUID: first.session });
    await first.closed;
    second.send({ taskType: "authentication", apiKey: KEY, connectionSessionUUID: second.session });
    expect(await second.next()).toMatchObject({ data: [{ connectionSessionUUID: second.session }] });
    second.send(inference());
    expect(await second.next()).toMatchObject({ data: [{ taskType: "imageInference" }] });
  });

  test("a socket that closes before authentication keeps its session no longer than others", async () => {
    const ring = createKeyRing([KEY], { list: async () => [], isOpen: async () => true });
    const slowly = { ...ring, list: () => sleep(100).then(() => ring.list()) };
    const clock = handClock();
    const { socketUrl, tasks } = await start({}, { ports: { keys: slowly, later: clock.later } });
    tasks.onAccept = () => undefined;
    const client = await connect(socketUrl);
    const task = inference();
    client.send({ taskType: "authentication", apiKey: KEY }, task);
    client.socket.close();
    await tasks.accepted(task.taskUUID);
    await expect.poll(() => clock.isDueIn(5)).toBe(true);
    clock.pass(5);
    expect(tasks.records.get(task.taskUUID)!.state).toBe("cancelled");
  });

  test("a stopping server keeps the sync tasks of its clients", async () => {
    const { app, tasks, stop, task } = await clientWithTask();
    stop.abort();
    await app.close();
    expect(tasks.records.get(task.taskUUID)!.state).toBe("queued");
  });

  test("an imageUpload continues until the time for the client's return is over", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const store: Uploads["store"] = async (_owner, _parameter, _image, signal) => {
      begun.resolve(signal);
      await once(signal, "abort");
      throw signal.reason;
    };
    const clock = handClock();
    const { socketUrl } = await start({ sessionBuffer: 60 }, { uploads: { store }, ports: { later: clock.later } });
    const client = await login(socketUrl);
    client.send({ taskType: "imageUpload", taskUUID: crypto.randomUUID(), image: "https://a.example/a.png" });
    const signal = await begun.promise;
    broken(client);
    await expect.poll(() => clock.isDueIn(60)).toBe(true);
    clock.pass(59);
    expect(signal.aborted).toBe(false);
    clock.pass(1);
    expect(signal.aborted).toBe(true);
  });

  test("an async task continues without its client", async () => {
    const clock = handClock();
    const { socketUrl, tasks } = await start({ sessionBuffer: 60 }, { ports: { later: clock.later } });
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference({ deliveryMethod: "async" });
    client.send(task);
    await client.next();
    broken(client);
    await expect.poll(() => clock.isDueIn(60)).toBe(true);
    clock.pass(60);
    expect(tasks.records.get(task.taskUUID)!.state).toBe("queued");
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { appsPerTest } from "../../../test/contract/apps-per-test.ts";
import { inference, KEY } from "../../../test/contract/memory-app.ts";
import { login } from "../../../test/contract/socket-client.ts";

const start = appsPerTest();

describe("sessions", () => {
  const broken = (client: { socket: WebSocket }) => client.socket.close(3000);

  /** A client whose sync task has been accepted, and is not finished by itself. */
  async function clientWithTask(settings: Parameters<typeof start>[0] = {}) {
    const { socketUrl, tasks } = await start(settings);
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference();
    client.send(task);
    await tasks.accepted(task.taskUUID);
    return { socketUrl, tasks, client, task };
  }

  test("results that were missed follow after resuming", async () => {
    const { socketUrl, tasks, client, task } = await clientWithTask();
    broken(client);
    await client.closed;
    tasks.finish(task.taskUUID);
    const second = await login(socketUrl, { connectionSessionUUID: client.session });
    expect(second.session).toBe(client.session);
    expect(await second.next()).toMatchObject({ data: [{ taskUUID: task.taskUUID, imageURL: expect.any(String) }] });
  });

  test("another key cannot resume a session", async () => {
    const { socketUrl } = await start({}, { keys: [KEY, "other"] });
    const first = await login(socketUrl);
    const second = await login(socketUrl, { apiKey: "other", connectionSessionUUID: first.session });
    expect(second.session).not.toBe(first.session);
  });

  test("a sync task is cancelled once the client has not come back", async () => {
    const { tasks, client, task } = await clientWithTask({ sessionBuffer: 1 });
    broken(client);
    await client.closed;
    expect(tasks.records.get(task.taskUUID)!.state).toBe("queued");
    await expect.poll(() => tasks.records.get(task.taskUUID)!.state, { timeout: 10_000 }).toBe("cancelled");
  });

  test("not when the same task was sent again over a new socket", async () => {
    const { socketUrl, tasks, client, task } = await clientWithTask({ sessionBuffer: 1 });
    broken(client);
    const second = await login(socketUrl);
    second.send(task);
    await sleep(1500);
    tasks.finish(task.taskUUID);
    expect(await second.next()).toMatchObject({ data: [{ taskUUID: task.taskUUID }] });
  });

  test("an async task goes on without its client", async () => {
    const { socketUrl, tasks } = await start({ sessionBuffer: 0.05 });
    tasks.onAccept = () => undefined;
    const client = await login(socketUrl);
    const task = inference({ deliveryMethod: "async" });
    client.send(task);
    await client.next();
    broken(client);
    await sleep(200);
    expect(tasks.records.get(task.taskUUID)!.state).toBe("queued");
  });
});

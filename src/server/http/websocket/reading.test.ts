import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { expect, test, vi } from "vitest";
import type { WebSocket } from "ws";
import { createUploadQuota } from "../upload-quota.ts";
import { createReading } from "./reading.ts";
import type { SignIn } from "./sign-in.ts";

const MB = 2 ** 20;

function open() {
  const quota = createUploadQuota(10 * MB, 20 * MB);
  const socket = { OPEN: 1, readyState: 1, pause: vi.fn(), resume: vi.fn() };
  const connection = new EventEmitter();
  const caller = { owner: "me", keyName: "me" };
  const refuse = vi.fn();
  const reading = createReading(socket as unknown as WebSocket, {
    signIn: { caller } as unknown as SignIn,
    uploads: quota.openSocket(),
    refuse,
    failed: vi.fn(),
  });
  reading.count(connection as unknown as Socket);
  return { quota, socket, reading, refuse, arrive: (bytes: number) => connection.emit("data", Buffer.alloc(bytes)) };
}

test("a message that ends after its socket closed does not use the quota of its key again", async () => {
  const { quota, reading, arrive } = open();
  const work = Promise.withResolvers<void>();
  reading.enqueue(() => work.promise);
  arrive(6 * MB);
  const other = quota.openSocket();
  expect(other.hold("me", 6 * MB, 1)).toMatchObject({ code: "quotaExceeded" });
  other.end();
  reading.end();
  const isDone = new Promise<void>((resolve) => reading.enqueue(async () => resolve()));
  work.resolve();
  await isDone;
  expect(other.hold("me", 6 * MB, 1)).toBeUndefined();
});

test("reading pauses while 32 messages of a socket are being processed", async () => {
  const { socket, reading } = open();
  const work = Promise.withResolvers<void>();
  for (let sent = 0; sent < 31; sent++) reading.enqueue(() => work.promise);
  expect(socket.pause).not.toHaveBeenCalled();
  reading.enqueue(() => work.promise);
  expect(socket.pause).toHaveBeenCalledOnce();
  work.resolve();
  await expect.poll(() => socket.resume.mock.calls.length).toBe(1);
});

test("a frame above the quota is refused only if the socket has no other frame in process", async () => {
  const { quota, reading, refuse, arrive } = open();
  quota.openSocket().hold("me", 8 * MB, 1);
  const work = Promise.withResolvers<void>();
  reading.enqueue(() => work.promise);
  arrive(4 * MB);
  expect(refuse).not.toHaveBeenCalled();
  work.resolve();
  await expect.poll(() => refuse.mock.calls.length).toBeGreaterThan(0);
  reading.end();
});

test("while one frame is being processed, the next is read only within the quota", async () => {
  const { socket, reading, arrive } = open();
  const work = Promise.withResolvers<void>();
  arrive(8 * MB);
  const handled = reading.whole(8 * MB);
  reading.enqueue(() => work.promise.finally(handled));
  arrive(MB);
  expect(socket.pause).not.toHaveBeenCalled();
  arrive(2 * MB);
  expect(socket.pause).toHaveBeenCalled();
  work.resolve();
  await expect.poll(() => socket.resume.mock.calls.length).toBe(1);
  const pauses = socket.pause.mock.calls.length;
  arrive(20 * MB); // alone, a frame may be of any size
  expect(socket.pause).toHaveBeenCalledTimes(pauses);
  reading.end();
});

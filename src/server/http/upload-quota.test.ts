import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { createUploadQuota } from "./upload-quota.ts";
import { createIntake } from "./websocket/intake.ts";

const MB = 1e6;
const body = (bytes: number) => ({ headers: { "content-length": String(bytes) } }) as unknown as IncomingMessage;

test("bodies and frames of a sender count together until they end; those of other senders do not count", () => {
  const quota = createUploadQuota(10 * MB, 64 * MB);
  const socket = quota.openSocket();
  expect(socket.hold("me", 30 * MB, 1)).toBeUndefined(); // alone
  expect(() => quota.begin("me", body(MB))).toThrow("is sending 30 MB already and may send 10");
  quota.begin("other", body(MB))();
  socket.hold("me", 4 * MB, 1);
  const done = quota.begin("me", body(5 * MB));
  const second = quota.openSocket();
  expect(second.hold("me", 50_000, 1)).toBeUndefined(); // small
  expect(second.hold("me", 2 * MB, 1)).toMatchObject({ code: "quotaExceeded", facts: { retryAfter: 2 } });
  done();
  done();
  expect(second.hold("me", 2 * MB, 1)).toBeUndefined();
  socket.end();
  second.end();
  expect(second.hold("me", 60 * MB, 1)).toBeUndefined();
});

test("a single sender may send one frame of any size, or several up to the limit", () => {
  const socket = createUploadQuota(10 * MB, 64 * MB).openSocket();
  expect(socket.hold("me", 30 * MB, 1)).toBeUndefined();
  expect(socket.hold("me", 10 * MB, 2)).toBeUndefined();
  expect(socket.hold("me", 11 * MB, 2)).toMatchObject({ code: "quotaExceeded" });
  expect(socket.hold("me", 8 * MB, 1)).toBeUndefined();
});

test("a socket holds the arriving frame and those being processed", () => {
  const intake = createIntake();
  intake.arrived(300);
  const handled = intake.whole(290);
  intake.arrived(500);
  expect([intake.held, intake.frames, intake.received]).toEqual([790, 2, 800]);
  handled();
  expect([intake.held, intake.frames]).toEqual([500, 1]);
  intake.whole(490)();
  expect([intake.held, intake.frames]).toEqual([0, 0]);
});

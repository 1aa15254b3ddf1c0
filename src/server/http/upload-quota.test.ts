import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { createUploadQuota } from "./upload-quota.ts";
import { createIntake } from "./websocket/intake.ts";

const MB = 1e6;
const body = (bytes: number) => ({ headers: { "content-length": String(bytes) } }) as unknown as IncomingMessage;

test("bodies and frames of a sender count together, until they are over; other senders do not count", () => {
  const quota = createUploadQuota(10 * MB, 64 * MB);
  const socket = quota.openSocket();
  expect(socket.hold("me", 30 * MB)).toBeUndefined(); // alone
  expect(() => quota.begin("me", body(MB))).toThrow("is sending 30 MB already and may send 10");
  quota.begin("other", body(MB))();
  socket.hold("me", 4 * MB);
  const done = quota.begin("me", body(5 * MB));
  const second = quota.openSocket();
  expect(second.hold("me", 50_000)).toBeUndefined(); // small
  expect(second.hold("me", 2 * MB)).toMatchObject({ code: "quotaExceeded", facts: { retryAfter: 2 } });
  done();
  done();
  expect(second.hold("me", 2 * MB)).toBeUndefined();
  socket.end();
  second.end();
  expect(second.hold("me", 60 * MB)).toBeUndefined();
});

test("a socket holds the frame that comes in and those in work", () => {
  const intake = createIntake();
  intake.arrived(300);
  const handled = intake.whole(290);
  intake.arrived(500);
  expect([intake.held, intake.received]).toEqual([790, 800]);
  handled();
  expect(intake.held).toBe(500);
  intake.whole(490)();
  expect(intake.held).toBe(0);
});

/**
 * Flow control of a WebSocket. Reading pauses while too many messages are in progress, unread by the client, or sent
 * with its key.
 */

import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { TaskError } from "../../../protocol/index.ts";
import type { OwnerId } from "../../tasks/index.ts";
import type { SocketUploads } from "../upload-quota.ts";
import { createIntake } from "./intake.ts";
import type { SignIn } from "./sign-in.ts";

/** Milliseconds between checks of a paused socket. It is also checked when a message has been handled. */
const PACE_MS = 100;
/** Most messages in progress before reading pauses. */
const MOST_MESSAGES = 32;
/** Most answers that wait for the client to read before reading pauses. */
const MOST_WAITING = 200;

export interface Reading {
  /** Counts the bytes of `connection` before they form a frame, because an unfinished frame is in memory too. */
  count(connection: Socket): void;
  /** Records a complete frame of `bytes` bytes. Call the returned function when it is no longer in memory. */
  whole(bytes: number): () => void;
  /** Handles a message after the earlier ones. */
  enqueue(message: () => Promise<void>): void;
  end(): void;
}

interface ReadingOptions {
  readonly signIn: SignIn;
  readonly uploads: SocketUploads;
  /** Called with the error of a key that exceeds its quota, if no message of this socket is in progress. */
  refuse(refusal: TaskError): void;
  failed(thrown: unknown): void;
}

export function createReading(socket: WebSocket, { signIn, uploads, refuse, failed }: ReadingOptions): Reading {
  const intake = createIntake();
  let pending = 0;
  let isOverQuota = false;
  /** Checks a paused socket again. */
  let pacing: NodeJS.Timeout | undefined;
  let work = Promise.resolve();

  let isOver = false;

  const checkQuota = (owner: OwnerId): void => {
    const refusal = uploads.hold(owner, intake.held, intake.frames);
    isOverQuota = refusal !== undefined;
    if (refusal !== undefined && pending === 0 && socket.readyState === socket.OPEN) refuse(refusal);
  };

  const pace = (): void => {
    // Messages in progress must not take the quota again.
    if (isOver) return;
    const { session, caller } = signIn;
    const waiting = session?.outbox.length ?? 0;
    const answering = session?.answering ?? 0;
    const isProving = pending > 0 && caller === undefined;
    if (caller !== undefined) checkQuota(caller.owner);
    if (isProving || isOverQuota || pending + answering >= MOST_MESSAGES || waiting >= MOST_WAITING) {
      socket.pause();
      pacing ??= setInterval(pace, PACE_MS);
    } else if (pacing !== undefined) {
      clearInterval(pacing);
      pacing = undefined;
      if (socket.readyState === socket.OPEN) socket.resume();
    }
  };

  return {
    count(connection) {
      connection.on("data", (chunk: Buffer) => {
        intake.arrived(chunk.length);
        if (isOver) return;
        if (signIn.caller === undefined) signIn.limit(intake.received);
        else pace();
      });
    },
    whole: intake.whole,
    enqueue(message) {
      pending++;
      pace();
      work = work
        .then(message)
        .catch(failed)
        .finally(() => {
          pending--;
          pace();
        });
    },
    end() {
      isOver = true;
      clearInterval(pacing);
      uploads.end();
    },
  };
}

/** When a WebSocket is read: no further while too much is in work, unread by the client, or under way with its key. */

import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { TaskError } from "../../../protocol/index.ts";
import type { OwnerId } from "../../tasks/index.ts";
import type { SocketUploads } from "../upload-quota.ts";
import { createIntake } from "./intake.ts";
import type { SignIn } from "./sign-in.ts";

/** How often a socket that is not read is looked at again, beside whenever a message has been handled. */
const PACE_MS = 100;
/** Messages in work at which the socket is read no further until some are done. */
const MOST_MESSAGES = 32;
/** Answers that wait for a client to read at which its socket is read no further. */
const MOST_WAITING = 200;

export interface Reading {
  /** Counts what `connection` brings before it is a frame: one that never ends is held in memory too. */
  count(connection: Socket): void;
  /** A frame of so many bytes is complete. Call the returned function once it is in memory no longer. */
  whole(bytes: number): () => void;
  /** Handles a message after those before it. */
  enqueue(message: () => Promise<void>): void;
  end(): void;
}

interface ReadingOptions {
  readonly signIn: SignIn;
  readonly uploads: SocketUploads;
  /** Called with the error of a key that has too much under way, when nothing of this socket is in work. */
  refuse(refusal: TaskError): void;
  failed(thrown: unknown): void;
}

export function createReading(socket: WebSocket, { signIn, uploads, refuse, failed }: ReadingOptions): Reading {
  const intake = createIntake();
  let pending = 0;
  let isOverQuota = false;
  /** Looks again at a socket that is not read. */
  let pacing: NodeJS.Timeout | undefined;
  let work = Promise.resolve();

  let isOver = false;

  const checkQuota = (owner: OwnerId): void => {
    const refusal = uploads.hold(owner, intake.held);
    isOverQuota = refusal !== undefined;
    if (refusal !== undefined && pending === 0 && socket.readyState === socket.OPEN) refuse(refusal);
  };

  const pace = (): void => {
    // Messages that are still in work must not take the quota again.
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
        else checkQuota(signIn.caller.owner);
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

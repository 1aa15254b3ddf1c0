/** Frames for a client: in order, one at a time, made when they are sent. */

import { stringifyJson } from "../../../protocol/index.ts";
import { type Answer, asTaskError, replyFrames } from "../reply.ts";

/** Sends one text frame. Resolves when the socket has accepted it, rejects if it cannot. */
export type Sender = (text: string) => Promise<void>;

export interface Outbox {
  push(answer: Answer): void;
  /** Sends through this socket from now on, waiting frames first. */
  connect(sender: Sender): void;
  /** Keeps frames until the next `connect`. */
  disconnect(): void;
  clear(): void;
  readonly length: number;
}

/** An outbox for at most `limit` frames. `overflowed` is called when more are waiting. */
export function createOutbox(limit: number, documentation: string, overflowed: () => void): Outbox {
  const frames: Answer[] = [];
  let sender: Sender | undefined;
  let sending = false;

  const pump = async () => {
    if (sending) return;
    sending = true;
    while (sender !== undefined && frames.length > 0) {
      const current = sender;
      const frame = frames[0]!;
      try {
        for (const text of await texts(frame, documentation)) await current(text);
        // A frame is removed only after it is sent. A frame that was interrupted is sent again to the client that
        // resumes.
        if (frames[0] === frame) frames.shift();
      } catch {
        if (sender === current) sender = undefined;
      }
    }
    sending = false;
  };

  return {
    push: (answer) => {
      if (frames.length >= limit) return overflowed();
      frames.push(answer);
      void pump();
    },
    connect: (next) => {
      sender = next;
      void pump();
    },
    disconnect: () => {
      sender = undefined;
    },
    clear: () => {
      frames.length = 0;
    },
    get length() {
      return frames.length;
    },
  };
}

async function texts(answer: Answer, documentation: string): Promise<string[]> {
  try {
    return await replyFrames(answer, documentation);
  } catch (thrown) {
    return [stringifyJson({ errors: [asTaskError(thrown).body] })];
  }
}

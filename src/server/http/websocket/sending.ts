/** Sending over a WebSocket: small frames at once, results at the speed at which the client reads them. */

import type { WebSocket } from "ws";
import { stringifyJson } from "../../../protocol/index.ts";
import type { Later } from "../later.ts";
import type { Sender } from "./outbox.ts";

/** Most unread bytes of small frames before a client is disconnected. */
const MOST_UNREAD = 16 * 2 ** 20;
/** Bytes that a client may be behind before it loses previews and steps. */
const MOST_BEHIND = 256 * 1024;
/** Seconds for the client to complete the closing handshake. */
const GOODBYE_SECONDS = 0.5;

export interface Sending {
  /** Sends a small frame at once. */
  now(body: object): void;
  /** Sends a frame of the outbox. Disconnects a client that takes longer than `sendTimeout` to read it. */
  readonly queued: Sender;
  /** True if the client reads too slowly for previews and steps. */
  readonly isBehind: boolean;
  /** Closes the socket and reads nothing more from it. */
  sendAway(code: number, reason: string): void;
}

/** Sends over `socket`; calls `sent` after every frame. */
export function createSending(socket: WebSocket, later: Later, sendTimeout: number, sent: () => void): Sending {
  return {
    now(body) {
      if (socket.bufferedAmount > MOST_UNREAD) socket.terminate();
      else if (socket.readyState === socket.OPEN) socket.send(stringifyJson(body));
      sent();
    },
    queued: (text) =>
      new Promise<void>((resolve, reject) => {
        if (socket.readyState !== socket.OPEN) return reject(new Error("The socket is closed"));
        const cancelSlow = later(sendTimeout, () => socket.terminate());
        socket.send(text, (error) => {
          cancelSlow();
          sent();
          if (error) reject(error);
          else resolve();
        });
      }),
    get isBehind() {
      return socket.bufferedAmount > MOST_BEHIND;
    },
    sendAway(code, reason) {
      socket.pause();
      socket.close(code, reason);
      later(GOODBYE_SECONDS, () => socket.terminate());
    },
  };
}

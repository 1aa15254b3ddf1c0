/** Closes a silent WebSocket. */

import type { WebSocket } from "ws";
import type { Later } from "../later.ts";

export interface Silence {
  /** Records traffic: the timer starts again. */
  broken(): void;
  end(): void;
}

/**
 * Closes `socket` after a number of seconds of silence. While `isWaiting()` is true, it is closed only if it does not
 * answer a ping either.
 */
export function closeWhenSilent(socket: WebSocket, later: Later, seconds: number, isWaiting: () => boolean): Silence {
  let pinged = false;
  const silent = () => {
    if (!isWaiting() || pinged) return socket.close(1000, "idle");
    pinged = true;
    socket.ping();
    cancel = later(seconds, silent);
  };
  let cancel = later(seconds, silent);
  const broken = () => {
    pinged = false;
    cancel();
    if (socket.readyState === socket.CLOSED) return;
    cancel = later(seconds, silent);
  };
  socket.on("ping", broken);
  socket.on("pong", () => {
    if (pinged) broken();
  });
  return { broken, end: () => cancel() };
}

/** Bare sockets, for clients that do not behave. */

import { connect, type Socket } from "node:net";

export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far. */
  readonly received: () => string;
  /** When the server has closed the connection: milliseconds since it was opened. */
  readonly closed: Promise<number>;
}

/** Opens a socket to a server and sends text. */
export function rawClient(base: string, text: string): RawClient {
  const { hostname, port } = new URL(base);
  const opened = performance.now();
  let received = "";
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("data", (chunk) => (received += chunk));
  socket.on("error", () => undefined);
  const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now() - opened)));
  socket.write(text);
  return { socket, received: () => received, closed };
}

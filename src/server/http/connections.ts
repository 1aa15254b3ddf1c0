/** Limits of the number of connections, and the choice of connections to close when the limit is reached. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isLoopback } from "./caller.ts";

/** The share of one address, unless it is this machine, where proxies run. */
const SHARE_OF_ADDRESS = 0.8;

/**
 * Limits the connections of a server. When all are taken, a new connection replaces the one that has been without a
 * request for longest. Such a connection never began a request, or is kept alive. Silent connections therefore cost other clients
 * nothing. If all connections have a request, the new one is refused.
 */
export function boundConnections(server: Server, most: number): void {
  /** Connections without a request, in the order in which their last one ended. */
  const silent = new Set<Socket>();
  const places = new Map<Socket, string>();
  const counts = new Map<string, number>();

  const leave = (socket: Socket) => {
    const address = places.get(socket);
    if (address === undefined) return;
    places.delete(socket);
    silent.delete(socket);
    const left = counts.get(address)! - 1;
    if (left > 0) counts.set(address, left);
    else counts.delete(address);
  };
  const makeRoom = (): boolean => {
    const [longest] = silent;
    if (longest === undefined) return false;
    leave(longest);
    longest.destroy();
    return true;
  };

  server.on("connection", (socket: Socket) => {
    // Connections of a Unix socket have none.
    const { remoteAddress: address = "::1" } = socket;
    const count = (counts.get(address) ?? 0) + 1;
    const hasRoom = (count <= SHARE_OF_ADDRESS * most || isLoopback(address)) && (places.size < most || makeRoom());
    if (!hasRoom) return socket.destroy();
    counts.set(address, count);
    places.set(socket, address);
    silent.add(socket);
    socket.once("close", () => leave(socket));
  });
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    silent.delete(socket);
    response.once("close", () => {
      if (places.has(socket)) silent.add(socket);
    });
  });
  server.on("upgrade", (_request: IncomingMessage, socket: Socket) => silent.delete(socket));
}

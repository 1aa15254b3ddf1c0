/** How many connections there may be, and which make way when there is no more room. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isLoopback } from "./caller.ts";

/** Of one address, unless it is this machine's, where proxies are. */
const SHARE_OF_ADDRESS = 0.8;

/**
 * Holds a server to so many connections. When all are taken, a newcomer gets the place of the connection that has been without a request for
 * longest: one that never began a request, or is kept alive for a next one. So connections that say nothing cost others nothing, wherever
 * they come from. When all are at work the newcomer is refused.
 */
export function boundConnections(server: Server, most: number): void {
  /** Without a request at the moment, that for longest first. */
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
    // Those of a Unix socket have none.
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

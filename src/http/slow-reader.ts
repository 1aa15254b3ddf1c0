import type { FastifyReply } from "fastify";

/** Ends the connection of a client that takes nothing of a reply for so many seconds. */
export function cutSlowReader({ raw }: FastifyReply, seconds: number): void {
  const { socket } = raw;
  if (socket === null) return;
  const cut = () => socket.destroy();
  socket.setTimeout(seconds * 1000, cut);
  raw.once("close", () => {
    socket.off("timeout", cut);
    // Between requests the server's keep-alive time applies again.
    if (!socket.destroyed) socket.setTimeout(0);
  });
}

import type { FastifyReply } from "fastify";

/** Ends the connection of a client that takes nothing of a reply for so many seconds. */
export function cutSlowReader({ raw }: FastifyReply, seconds: number): void {
  const { socket } = raw;
  if (socket === null) return;
  const cut = () => socket.destroy();
  socket.setTimeout(seconds * 1000, cut);
  // After the reply Node has put its keep-alive time in place of this one.
  raw.once("close", () => socket.off("timeout", cut));
}

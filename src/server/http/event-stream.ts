/** Server-sent events: a reply that stays open until the caller disconnects, loses its key, or the server stops. */

import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";
import { stringifyJson } from "../../protocol/index.ts";
import type { OwnerId } from "../tasks/index.ts";
import { isStillAllowed, KEY_CHECK_MS } from "./caller.ts";
import type { HttpPorts } from "./ports.ts";

export interface EventStream {
  /** A slow reader loses `droppable` events, so that they do not fill memory. */
  write(event: string, data: unknown, droppable?: boolean): void;
  end(): void;
  /** Breaks the connection, which shows the caller that events are missing. */
  destroy(): void;
}

/** Milliseconds between comment lines. They keep proxies from closing a stream that is silent during a long step. */
const HEARTBEAT_MS = 15_000;
const MOST_BUFFERED = 256 * 1024;

/** Starts the reply. `closed` is called once, when either side closes it. */
export function openEventStream(
  { keys, stopping }: HttpPorts,
  owner: OwnerId,
  reply: FastifyReply,
  closed: () => void,
): EventStream {
  const { raw } = reply;
  const headers = reply.getHeaders();
  reply.hijack();
  raw.writeHead(200, {
    ...(headers as OutgoingHttpHeaders),
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  raw.flushHeaders();
  const heartbeat = setInterval(() => raw.write(":\n\n"), HEARTBEAT_MS);
  const keyCheck = setInterval(async () => {
    if (!(await isStillAllowed(keys, owner))) raw.end();
  }, KEY_CHECK_MS);
  const end = () => void raw.end();
  stopping.addEventListener("abort", end, { once: true });
  raw.once("close", () => {
    clearInterval(heartbeat);
    clearInterval(keyCheck);
    stopping.removeEventListener("abort", end);
    closed();
  });
  return {
    write(event, data, droppable = false) {
      if (raw.writableEnded || raw.destroyed || (droppable && raw.writableLength > MOST_BUFFERED)) return;
      raw.write(`event: ${event}\ndata: ${stringifyJson(data)}\n\n`);
    },
    end,
    destroy: () => void raw.destroy(),
  };
}

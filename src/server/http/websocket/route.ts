/** WebSocket at `/v1`, and at `/` for clients that are given a bare address; without an upgrade `/` is the page. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { TaskError } from "../../../protocol/index.ts";
import { isStillAllowed, KEY_CHECK_MS } from "../caller.ts";
import { openContext, type Shared } from "../request-context.ts";
import { serveSocket } from "./connection.ts";
import { createSessions } from "./session.ts";

export function socketRoute(
  app: FastifyInstance,
  shared: Shared,
  page: (reply: FastifyReply, request: FastifyRequest) => FastifyReply,
): void {
  const sessions = createSessions();
  const unauthenticated = new Set<WebSocket>();
  const { keys } = shared.ports;
  const keyCheck = setInterval(() => void sessions.endUnless((owner) => isStillAllowed(keys, owner)), KEY_CHECK_MS);
  for (const url of ["/v1", "/"]) {
    app.route({
      method: "GET",
      url,
      handler: async (request, reply) => {
        if (url === "/") return page(reply, request);
        throw new TaskError("notFound", { path: `${url} without a WebSocket upgrade` });
      },
      wsHandler: (socket, request) => {
        serveSocket(socket, request.raw, openContext(shared, request.raw), { sessions, unauthenticated });
      },
    });
  }
  app.addHook("onClose", async () => {
    clearInterval(keyCheck);
    sessions.endAll();
  });
}

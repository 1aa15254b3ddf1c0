/** The WebSocket at `/v1`, and at `/` for clients with a bare address. Without an upgrade, `/` is the page. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { isStillAllowed, KEY_CHECK_MS } from "../caller.ts";
import { openContext, type Shared } from "../request-context.ts";
import { serveSocket } from "./connection.ts";
import { createSessions } from "./session.ts";

/** Describes the address to a browser or a GET request. */
function describe(reply: FastifyReply, { headers }: FastifyRequest): FastifyReply {
  reply.header("vary", "accept");
  const what = "This is Inkstone's API. Send tasks by POST or over a WebSocket.";
  if (!headers.accept?.includes("text/html")) {
    return reply.send({ service: "inkstone", about: what, documentation: "/docs", openapi: "/openapi.json" });
  }
  const links =
    'Documentation: <a href="/docs">/docs</a>, <a href="/openapi.json">/openapi.json</a>. To generate images in the browser: <a href="/">the page</a>.';
  return reply
    .type("text/html; charset=utf-8")
    .send(`<!doctype html><meta charset=utf-8><title>Inkstone API</title><p>${what}</p><p>${links}</p>`);
}

export function socketRoute(
  app: FastifyInstance,
  shared: Shared,
  page: (reply: FastifyReply, request: FastifyRequest) => FastifyReply,
): void {
  const sessions = createSessions(shared.ports.later);
  const unauthenticated = new Set<WebSocket>();
  const { keys } = shared.ports;
  const keyCheck = setInterval(() => void sessions.endUnless((owner) => isStillAllowed(keys, owner)), KEY_CHECK_MS);
  for (const url of ["/v1", "/"]) {
    app.route({
      method: "GET",
      url,
      handler: async (request, reply) => {
        return url === "/" ? page(reply, request) : describe(reply, request);
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

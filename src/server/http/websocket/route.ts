/** WebSocket at `/v1`, and at `/` for clients that are given a bare address. */

import type { FastifyInstance } from "fastify";
import { TaskError } from "../../../protocol/index.ts";
import type { Waiters } from "../hang-up.ts";
import type { HttpPorts } from "../ports.ts";
import { openContext } from "../request-context.ts";
import { serveSocket } from "./connection.ts";
import { createSessions } from "./session.ts";

export function socketRoute(app: FastifyInstance, ports: HttpPorts, waiters: Waiters): void {
  const sessions = createSessions();
  for (const url of ["/v1", "/"]) {
    app.route({
      method: "GET",
      url,
      handler: async () => {
        throw new TaskError("notFound", { path: `${url} without a WebSocket upgrade` });
      },
      wsHandler: (socket, request) => {
        serveSocket(socket, request.raw, openContext(ports, waiters, request.raw), sessions);
      },
    });
  }
  app.addHook("onClose", async () => sessions.endAll());
}

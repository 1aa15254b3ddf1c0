/** `GET /v1/events`: all events of the tasks and images of a key, as server-sent events. */

import type { FastifyInstance } from "fastify";
import { eventQuery, readQuery } from "../../../protocol/index.ts";
import { bearerKey, identify } from "../caller.ts";
import { openEventStream } from "../event-stream.ts";
import { openContext, type Shared } from "../request-context.ts";
import { followOwner } from "../watch-events.ts";

export function eventRoute(app: FastifyInstance, shared: Shared): void {
  const { ports } = shared;
  app.get<{ Querystring: Record<string, unknown> }>("/v1/events", async (request, reply) => {
    const { owner } = await identify(ports.keys, bearerKey(request.raw), request.raw);
    const { previews } = readQuery(eventQuery, request.query);
    const context = openContext(shared, request.raw);
    let endFollowing = () => {};
    let over = false;
    const stream = openEventStream(ports, owner, reply, () => {
      over = true;
      endFollowing();
    });
    try {
      endFollowing = await followOwner(context, owner, previews, ({ event, taskUUID, facts, droppable }) =>
        stream.write(event, { taskUUID, ...facts }, droppable),
      );
    } catch (err) {
      ports.log.error({ err }, "cannot follow the events of a key");
      stream.destroy();
    }
    if (over) endFollowing();
  });
}

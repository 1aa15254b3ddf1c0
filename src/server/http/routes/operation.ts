/** Routes for operators: health, readiness, metrics, OpenAPI. */

import type { FastifyInstance } from "fastify";
import { bearerKey, identify } from "../caller.ts";
import { openApiDocument, withModels } from "../openapi.ts";
import type { HttpPorts } from "../ports.ts";

export function operationRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get("/healthz", async () => ({ status: "ok" }));

  app.get("/readyz", async (_request, reply) => {
    const { ready, reason, devices } = await ports.readiness();
    if (!ready) reply.code(503).header("retry-after", 5);
    return { status: ready ? "ready" : "not ready", ...(reason !== undefined && { reason }), devices };
  });

  app.get("/metrics", async (request, reply) => {
    // Metrics show how busy a server is.
    await identify(ports.keys, bearerKey(request.raw), request.raw);
    const { body, contentType } = await ports.metrics.text();
    return reply.type(contentType).send(body);
  });

  const document = openApiDocument();
  app.get("/openapi.json", async () => withModels(document, await ports.models.list()));
}

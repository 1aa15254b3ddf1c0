/**
 * Routes of one model: the JSON Schema of its task, and loading it before the first one. (The list is that of OpenAI,
 * `../openai/routes.ts`.)
 */

import type { FastifyInstance } from "fastify";
import { type ModelLoadReply, TaskError } from "../../../protocol/index.ts";
import { bearerKey, identify } from "../caller.ts";
import { modelSchema } from "../model-schema.ts";
import type { HttpPorts } from "../ports.ts";
import { sendJson } from "./pictures.ts";

export function modelRoutes(app: FastifyInstance, ports: HttpPorts): void {
  const checkpointAt = async (air: string, route: string) => {
    const installed = await ports.models.list();
    const model = installed.find(
      (one) => one.category === "checkpoint" && (one.air === air || one.aliases?.includes(air)),
    );
    if (model === undefined) throw new TaskError("notFound", { path: `/v1/models/${air.slice(0, 100)}/${route}` });
    return { model, installed };
  };

  app.get<{ Params: { air: string } }>("/v1/models/:air/schema", async (request, reply) => {
    await identify(ports.keys, bearerKey(request.raw), request.raw);
    const { model, installed } = await checkpointAt(request.params.air, "schema");
    return sendJson(reply, modelSchema(model, installed));
  });

  app.post<{ Params: { air: string } }>("/v1/models/:air/load", async (request, reply) => {
    await identify(ports.keys, bearerKey(request.raw), request.raw);
    const { air } = (await checkpointAt(request.params.air, "load")).model;
    const accepted = await ports.prepare(air);
    const held = (await ports.inMemory()).filter((one) => one.air === air).map(({ state }) => state);
    const state = held.includes("ready") ? "ready" : accepted || held.length > 0 ? "loading" : "installed";
    const answer: ModelLoadReply = { air, state };
    return sendJson(reply.code(202), answer);
  });
}

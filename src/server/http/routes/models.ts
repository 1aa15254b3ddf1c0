/**
 * `GET /v1/models/{air}/schema`: the task of one model, as JSON Schema. (The list is that of OpenAI,
 * `../openai/routes.ts`.)
 */

import type { FastifyInstance } from "fastify";
import { TaskError } from "../../../protocol/index.ts";
import { bearerKey, identify } from "../caller.ts";
import { modelSchema } from "../model-schema.ts";
import type { HttpPorts } from "../ports.ts";
import { sendJson } from "./pictures.ts";

export function modelRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Params: { air: string } }>("/v1/models/:air/schema", async (request, reply) => {
    await identify(ports.keys, bearerKey(request.raw), request.raw);
    const { air } = request.params;
    const installed = await ports.models.list();
    const model = installed.find(
      (one) => one.category === "checkpoint" && (one.air === air || one.aliases?.includes(air)),
    );
    if (model === undefined) throw new TaskError("notFound", { path: `/v1/models/${air.slice(0, 100)}/schema` });
    return sendJson(reply, modelSchema(model, installed));
  });
}

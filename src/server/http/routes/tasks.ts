/** `POST /v1`: an array of tasks, answered in one reply. */

import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { type ErrorCode, type ErrorItem, errorKind, readTasks } from "../../../protocol/index.ts";
import { answerBatch } from "../batch.ts";
import { SMALL_BODY_BYTES } from "../body.ts";
import { bearerKey, identify } from "../caller.ts";
import { hangUpSignal } from "../hang-up.ts";
import type { HttpPorts } from "../ports.ts";
import type { Answer } from "../reply.ts";
import { cutSlowReader, failureText, replyText } from "../reply.ts";
import { openContext, type Shared } from "../request-context.ts";
import { keyInBody } from "../unauthenticated.ts";

export function taskRoute(app: FastifyInstance, shared: Shared): void {
  app.post("/v1", async (request, reply) => {
    const { ports, bodies } = shared;
    const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
    // The caller is identified first, because parsing costs time.
    const caller = await identify(ports.keys, keyInBody(body) ?? bearerKey(request.raw), request.raw);
    const large = body.length > SMALL_BODY_BYTES;
    const { json, pictures } = large ? await bodies.parseLarge(body, caller.owner) : bodies.parse(body, caller.owner);
    request.received?.();
    const parsed = readTasks(json, ports.settings);

    const context = openContext(shared, request.raw);
    const answer = await answerBatch(context, caller, { parsed, pictures }, hangUpSignal(request, reply));
    if (answer.data.length === 0 && answer.errors.length === 0) return authenticated(reply);
    return send(reply, answer, ports, context.documentation);
  });
}

/** Answers a request that contains only an authentication. */
const authenticated = (reply: FastifyReply) =>
  reply.send({ data: [{ taskType: "authentication", connectionSessionUUID: crypto.randomUUID() }] });

function send(reply: FastifyReply, answer: Answer, { metrics, settings }: HttpPorts, documentation: string) {
  for (const { code } of answer.errors) metrics.refused(code);
  reply.type("application/json; charset=utf-8");
  if (answer.data.length === 0) return sendFailure(reply, answer.errors);
  cutSlowReader(reply, settings.sendTimeout);
  return reply.send(Readable.from(replyText(answer, documentation)));
}

/** A reply without results has the status of its first error. */
export function sendFailure(reply: FastifyReply, errors: readonly ErrorItem[]) {
  const [first] = errors;
  reply.type("application/json; charset=utf-8").code(errorKind(first!.code as ErrorCode).status);
  const retryAfter = errors.find((error) => error.retryAfter !== undefined)?.retryAfter;
  if (retryAfter !== undefined) reply.header("retry-after", retryAfter);
  return reply.send(failureText(errors));
}

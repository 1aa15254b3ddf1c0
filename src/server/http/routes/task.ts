/** `GET /v1/tasks/{taskUUID}/events` and `DELETE /v1/tasks/{taskUUID}`: watch and cancel a task. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isUuidV4 } from "../../../protocol/index.ts";
import type { TaskEvent } from "../../tasks/index.ts";
import { bearerKey, identify } from "../caller.ts";
import { openEventStream } from "../event-stream.ts";
import { isPictureRecord } from "../items.ts";
import { finalAnswer, unknownTask } from "../queued-tasks.ts";
import { openContext, type RequestContext, type Shared } from "../request-context.ts";
import { progressFacts } from "../watch-events.ts";

type ByUUID = { Params: { taskUUID: string } };

export function taskRoutes(app: FastifyInstance, shared: Shared): void {
  const { ports } = shared;
  app.delete<ByUUID>("/v1/tasks/:taskUUID", async (request) => {
    const { owner } = await identify(ports.keys, bearerKey(request.raw), request.raw);
    const taskUUID = taskNamed(request);
    const record = await ports.tasks.cancel(owner, taskUUID);
    if (record === undefined) throw unknownTask(taskUUID);
    return { data: [{ taskType: record.task.taskType, taskUUID, state: record.state }] };
  });

  app.get<ByUUID>("/v1/tasks/:taskUUID/events", async (request, reply) => {
    const { owner } = await identify(ports.keys, bearerKey(request.raw), request.raw);
    const context = openContext(shared, request.raw);
    await streamEvents(context, owner, request, reply);
  });
}

/** The task in the path of a request. Only a UUID v4 is looked up: PostgreSQL rejects some texts. */
function taskNamed({ params: { taskUUID } }: FastifyRequest<ByUUID>): string {
  if (!isUuidV4(taskUUID)) throw unknownTask(taskUUID);
  return taskUUID;
}

async function streamEvents(
  context: RequestContext,
  owner: string,
  request: FastifyRequest<ByUUID>,
  reply: FastifyReply,
) {
  const taskUUID = taskNamed(request);
  const { ports } = context;
  let waiting: TaskEvent[] | undefined = [];
  const end = await ports.tasks.subscribe(owner, taskUUID, (event) => {
    if (waiting === undefined) write(event);
    else waiting.push(event);
  });
  if (end === undefined) throw unknownTask(taskUUID);

  const stream = openEventStream(ports, owner, reply, end);
  let work = Promise.resolve();
  function write(event: TaskEvent): void {
    work = work
      .then(async () => stream.write(event.type, await eventData(context, event), event.type === "progress"))
      .then(() => (event.type === "final" ? stream.end() : undefined))
      .catch(() => stream.destroy());
  }
  for (const event of waiting) write(event);
  waiting = undefined;
}

async function eventData(context: RequestContext, event: TaskEvent): Promise<unknown> {
  switch (event.type) {
    case "queued":
    case "started":
    case "progress":
      return progressFacts(event);
    case "result": {
      const { index, imageUUID, seed, width, height } = event.result;
      return { index, imageUUID, seed, width, height };
    }
    case "final": {
      const { record } = event;
      // Images as addresses, whatever the outputType: events must stay small.
      const told = isPictureRecord(record)
        ? { ...record, task: { ...record.task, outputType: ["URL" as const] } }
        : record;
      const { data, errors } = finalAnswer(context, told);
      return { state: record.state, data: await Promise.all(data.map(({ make }) => make())), errors };
    }
  }
}

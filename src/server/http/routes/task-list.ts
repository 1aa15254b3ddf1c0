/** `/v1/tasks`: lists the tasks of a key and cancels waiting ones. */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { isUuidV4, readQuery, taskQuery, taskStop } from "../../../protocol/index.ts";
import type { TaskRecord, TaskState } from "../../tasks/index.ts";
import { bearerKey, identify } from "../caller.ts";
import { taskItem } from "../gallery-items.ts";
import { unknownTask } from "../queued-tasks.ts";
import { openContext, type Shared } from "../request-context.ts";
import { refuseCursor, sendJson } from "./pictures.ts";

type Query = { Querystring: Record<string, unknown> };

/** Most images of a task. */
const MOST_RESULTS = 20;

export function taskListRoutes(app: FastifyInstance, shared: Shared): void {
  const { ports } = shared;
  const { tasks, gallery } = ports;
  const ownerOf = async ({ raw }: FastifyRequest) => (await identify(ports.keys, bearerKey(raw), raw)).owner;

  async function shown(request: FastifyRequest, record: TaskRecord, text: string) {
    const context = openContext(shared, request.raw);
    const { owner, taskUUID, results } = record;
    const { pictures } =
      results.length === 0 ? { pictures: [] } : await gallery.list(owner, { taskUUID, limit: MOST_RESULTS });
    const inOrder = pictures.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
    return taskItem(record, text, inOrder, context);
  }

  app.get<Query>("/v1/tasks", async (request, reply) => {
    const owner = await ownerOf(request);
    const { state, ...query } = readQuery(taskQuery, request.query);
    const page = await tasks
      .list(owner, { ...query, states: state as TaskState[] })
      .catch((thrown) => refuseCursor(thrown, query.cursor));
    const data = await Promise.all(page.tasks.map((task) => shown(request, task.record, task.request)));
    return sendJson(reply, { data, next: page.next });
  });

  app.get<{ Params: { taskUUID: string } }>("/v1/tasks/:taskUUID", async (request, reply) => {
    const owner = await ownerOf(request);
    const { taskUUID } = request.params;
    const record = isUuidV4(taskUUID) ? await tasks.get(owner, taskUUID) : undefined;
    const text = record && (await tasks.request(owner, taskUUID));
    if (record === undefined || text === undefined) throw unknownTask(taskUUID.slice(0, 100));
    return sendJson(reply, await shown(request, record, text));
  });

  app.delete<Query>("/v1/tasks", async (request, reply) => {
    const owner = await ownerOf(request);
    readQuery(taskStop, request.query);
    return sendJson(reply, { cancelled: await tasks.cancelQueued(owner) });
  });
}

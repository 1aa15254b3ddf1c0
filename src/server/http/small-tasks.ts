/** The task types that are answered at once. */

import {
  type AccountManagementTask,
  type AuthenticationTask,
  type GetResponseTask,
  type GetTaskDetailsTask,
  type ImageUploadTask,
  type MediaStorageTask,
  type ModelSearchTask,
  parseJson,
  type QueuedTask,
  type Task,
  TaskError,
} from "../../protocol/index.ts";
import type { Caller } from "./caller.ts";
import type { InlinePictures } from "./inline-pictures.ts";
import { imageUrl } from "./items.ts";
import { searchModels } from "./model-search.ts";
import type { UploadedImage } from "./ports.ts";
import { finalAnswer, type Received, standing, unknownTask } from "./queued-tasks.ts";
import { type Answer, answerWith, made } from "./reply.ts";
import type { RequestContext } from "./request-context.ts";

type SmallTask = Exclude<Task, QueuedTask | AuthenticationTask>;

/**
 * Answers a task that does not need the engine. Throws `TaskError`. `gone` is aborted when no client waits for the
 * answer.
 */
export async function answerSmallTask(
  context: RequestContext,
  caller: Caller,
  { task, pictures }: Pick<Received<SmallTask>, "task" | "pictures">,
  gone: AbortSignal,
): Promise<Answer> {
  switch (task.taskType) {
    case "ping":
      return answerWith({ taskType: "ping", pong: true });
    case "getResponse":
      return getResponse(context, caller, task);
    case "getTaskDetails":
      return getTaskDetails(context, caller, task);
    case "imageUpload":
      return imageUpload(context, caller, task, pictures, gone);
    case "mediaStorage":
      return mediaStorage(context, caller, task, pictures, gone);
    case "accountManagement":
      return accountDetails(context, caller, task);
    case "modelSearch":
      return modelSearch(context, task);
    case "watch":
      throw new TaskError("invalidRequest", { reason: "A watch needs a WebSocket. Over HTTP, use GET /v1/events." });
  }
}

async function getResponse(context: RequestContext, { owner }: Caller, { taskUUID }: GetResponseTask): Promise<Answer> {
  const record = await context.ports.tasks.get(owner, taskUUID);
  if (record === undefined) throw unknownTask(taskUUID);
  return standing(context, record);
}

async function getTaskDetails(context: RequestContext, { owner }: Caller, task: GetTaskDetailsTask): Promise<Answer> {
  const { tasks } = context.ports;
  const record = await tasks.get(owner, task.taskUUID);
  if (record === undefined) throw unknownTask(task.taskUUID);
  const { data, errors } = finalAnswer(context, record);
  const { taskType, taskUUID } = task;
  // Read when it is sent, so that little is in memory for slow clients.
  const make = async () => {
    const request = await tasks.request(owner, task.taskUUID);
    if (request === undefined) throw unknownTask(task.taskUUID);
    const items = await Promise.all(data.map((item) => made(item, context.documentation)));
    const found = items.flatMap((item) => ("item" in item ? [item.item] : []));
    const failed = [...errors, ...items.flatMap((item) => ("failed" in item ? [item.failed] : []))];
    const deliveries = await tasks.deliveries(owner, task.taskUUID);
    return {
      taskType,
      taskUUID,
      state: record.state,
      attempts: record.attempt,
      createdAt: record.createdAt,
      ...(record.startedAt && { startedAt: record.startedAt }),
      ...(record.finishedAt && { finishedAt: record.finishedAt }),
      request: [parseJson(request)],
      response: {
        data: found,
        ...(failed.length > 0 && { errors: failed }),
      },
      ...(deliveries.length > 0 && { deliveries }),
    };
  };
  return { data: [{ owner: { taskType, taskUUID }, make }], errors: [] };
}

async function imageUpload(
  context: RequestContext,
  { owner }: Caller,
  task: ImageUploadTask,
  pictures: InlinePictures,
  gone: AbortSignal,
): Promise<Answer> {
  const { imageUUID, fileName } = await upload(
    context,
    owner,
    { parameter: "image", image: task.image },
    pictures,
    gone,
  );
  const { taskType, taskUUID } = task;
  return answerWith({ taskType, taskUUID, imageUUID, imageURL: imageUrl(context.source, fileName) });
}

async function mediaStorage(
  context: RequestContext,
  { owner }: Caller,
  { taskType, taskUUID, operation, media }: MediaStorageTask,
  pictures: InlinePictures,
  gone: AbortSignal,
): Promise<Answer> {
  if (operation === "delete") {
    const mediaUUID = media.toLowerCase();
    if (await context.ports.uploads.remove(owner, mediaUUID)) {
      return answerWith({ taskType, taskUUID, operation, mediaUUID });
    }
    throw new TaskError("mediaNotFound", { mediaUUID }, { parameter: "media", type: "string" });
  }
  const stored = await upload(context, owner, { parameter: "media", image: media }, pictures, gone);
  const mediaURL = imageUrl(context.source, stored.fileName);
  return answerWith({ taskType, taskUUID, operation, mediaUUID: stored.imageUUID, mediaURL });
}

/** Stores an image that the request contains or names. */
function upload(
  { ports: { uploads } }: RequestContext,
  owner: string,
  { parameter, image }: { readonly parameter: string; readonly image: string },
  pictures: InlinePictures,
  gone: AbortSignal,
): Promise<UploadedImage> {
  const inline = pictures.get(image);
  return inline === undefined
    ? uploads.store(owner, parameter, image, gone)
    : uploads.keep(owner, parameter, image, inline, true);
}

async function accountDetails({ ports }: RequestContext, caller: Caller, task: AccountManagementTask): Promise<Answer> {
  const keys = await ports.keys.list();
  return answerWith({
    taskType: task.taskType,
    taskUUID: task.taskUUID,
    operation: task.operation,
    organizationUUID: "00000000-0000-4000-8000-000000000000",
    organizationName: "Inkstone",
    AIRSource: "inkstone",
    balance: 0,
    team: [],
    apiKeys: keys
      .filter(({ id }) => id === caller.owner)
      .map(({ name, hint, createdAt }) => ({ name, apiKey: `${hint}********`, createdAt, enabled: true })),
    usage: { total: NOTHING, today: NOTHING, last7Days: NOTHING, last30Days: NOTHING },
  });
}

/** Inkstone has no billing, so nothing is counted. */
const NOTHING = { credits: 0, requests: 0 };

async function modelSearch({ ports }: RequestContext, task: ModelSearchTask): Promise<Answer> {
  const { results, totalResults } = searchModels(await ports.models.list(), task);
  return answerWith({ taskType: task.taskType, taskUUID: task.taskUUID, results, totalResults });
}

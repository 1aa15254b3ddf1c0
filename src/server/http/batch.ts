/** Tasks of one HTTP request: each is answered independently, then all answers are joined. */

import {
  type AuthenticationTask,
  isPictureTask,
  isQueuedTask,
  type ParsedTask,
  type Task,
  TaskError,
} from "../../protocol/index.ts";
import type { TaskRecord } from "../tasks/index.ts";
import type { Caller } from "./caller.ts";
import { abandonLater } from "./hang-up.ts";
import type { InlinePictures } from "./inline-pictures.ts";
import {
  acknowledgement,
  dryRun,
  filledIn,
  finalAnswer,
  handIn,
  refusal,
  requireModel,
  requireReceivers,
} from "./queued-tasks.ts";
import { type Answer, asTaskError, refuseWith } from "./reply.ts";
import type { RequestContext } from "./request-context.ts";
import { answerSmallTask } from "./small-tasks.ts";

type Work = Exclude<Task, AuthenticationTask>;

/** The tasks of a request, and the images that it contained. */
export interface Batch {
  readonly parsed: readonly ParsedTask[];
  readonly pictures: InlinePictures;
}

/** The context that the tasks of one request share. */
interface BatchContext {
  readonly context: RequestContext;
  readonly caller: Caller;
  readonly pictures: InlinePictures;
  readonly hungUp: AbortSignal;
  /** Settle when the tasks submitted so far are stored. */
  readonly storing: Promise<unknown>[];
}

/** Answers all tasks of a request in their order. `hungUp` is aborted when the client disconnects. */
export async function answerBatch(
  context: RequestContext,
  caller: Caller,
  { parsed, pictures }: Batch,
  hungUp: AbortSignal,
): Promise<Answer> {
  const shared: BatchContext = { context, caller, pictures, hungUp, storing: [] };
  const replies: Promise<Answer>[] = [];
  for (const item of parsed) {
    // Tasks are submitted one after the other, so that the queue keeps the order. They are stored and awaited together.
    const { reply } = await begin(shared, item);
    replies.push(reply);
  }
  const answers = await Promise.all(replies);
  return { data: answers.flatMap(({ data }) => data), errors: answers.flatMap(({ errors }) => errors) };
}

async function begin(shared: BatchContext, given: ParsedTask) {
  const { context } = shared;
  const { documentation } = context;
  const item = await filledIn(context, given);
  if (!item.ok) {
    return { reply: Promise.resolve(refuseWith(await refusal(context, item), item.owner, documentation)) };
  }
  const { task } = item;
  // HTTP replies contain no authentication item, because ai-sdk-provider would reject them.
  if (task.taskType === "authentication") return { reply: Promise.resolve<Answer>({ data: [], errors: [] }) };
  const owner = { taskType: task.taskType, ...(task.taskUUID !== undefined && { taskUUID: task.taskUUID }) };
  const refused = (thrown: unknown): Answer => {
    const error = asTaskError(thrown);
    if (error.cause !== undefined)
      context.ports.log.error({ err: error.cause, taskUUID: task.taskUUID }, error.message);
    return refuseWith([error], owner, documentation);
  };
  try {
    const { answer } = await start(shared, task, item.raw);
    return { reply: answer.catch(refused) };
  } catch (thrown) {
    return { reply: Promise.resolve(refused(thrown)) };
  }
}

/** Starts a task. The inner promise is its answer. */
async function start(
  { context, caller, pictures, hungUp, storing }: BatchContext,
  task: Work,
  raw: object,
): Promise<{ readonly answer: Promise<Answer> }> {
  if (!isQueuedTask(task)) {
    await Promise.all(storing); // it may refer to one of them
    return { answer: answerSmallTask(context, caller, { task, pictures }, hungUp) };
  }
  await requireModel(context, task);
  requireReceivers(context, task);
  if (context.dryRun) return { answer: dryRun(context, task) };
  const { accepted } = await handIn(context, caller, { task, raw, pictures });
  storing.push(accepted.catch(() => {})); // the answer reports the error
  if (task.deliveryMethod === "async") return { answer: accepted.then(() => acknowledgement(task)) };
  return { answer: accepted.then((record) => waitFor(context, caller, record, hungUp)) };
}

/**
 * Waits for a sync task. If the client disconnects, the task is abandoned after a while, unless it is a model upload.
 */
async function waitFor(context: RequestContext, { owner }: Caller, record: TaskRecord, hungUp: AbortSignal) {
  const { taskUUID, task } = record;
  const { tasks, settings, stopping, later } = context.ports;
  const release = context.waiters.waitFor(owner, taskUUID);
  const patience = new AbortController();
  const cancelPatience = later(settings.syncTimeout, () => patience.abort());
  try {
    const final = await tasks.waitForFinal(owner, record, AbortSignal.any([hungUp, patience.signal, stopping]));
    if (final === undefined) throw new TaskError("taskFailedOrNotFound", { taskUUID });
    return finalAnswer(context, final);
  } catch (thrown) {
    if (hungUp.aborted) {
      if (isPictureTask(task)) abandonLater(context, owner, taskUUID);
      throw hungUp.reason;
    }
    if (patience.signal.aborted) throw new TaskError("syncTimeout", { seconds: settings.syncTimeout });
    if (stopping.aborted) throw stoppingError();
    throw thrown;
  } finally {
    cancelPatience();
    release();
  }
}

const stoppingError = (): TaskError =>
  new TaskError("serviceUnavailable", { reason: "It is stopping. The task is kept. Poll it with getResponse." });

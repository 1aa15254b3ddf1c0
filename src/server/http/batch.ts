/** The tasks of one HTTP request: each is answered on its own, then all together. */

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

/** The tasks of a request, and the pictures that were inside them. */
export interface Batch {
  readonly parsed: readonly ParsedTask[];
  readonly pictures: InlinePictures;
}

/** What the tasks of one request share. */
interface BatchContext {
  readonly context: RequestContext;
  readonly caller: Caller;
  readonly pictures: InlinePictures;
  readonly hungUp: AbortSignal;
  /** Settle once the tasks that were handed in so far are stored. */
  readonly storing: Promise<unknown>[];
}

/** Answers all tasks of a request, in the order they came. `hungUp` is aborted when the client goes away. */
export async function answerBatch(
  context: RequestContext,
  caller: Caller,
  { parsed, pictures }: Batch,
  hungUp: AbortSignal,
): Promise<Answer> {
  const shared: BatchContext = { context, caller, pictures, hungUp, storing: [] };
  const replies: Promise<Answer>[] = [];
  for (const item of parsed) {
    // Tasks are handed in one after the other, so that the queue keeps the order; they are stored and waited for together.
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
  // HTTP replies hold no authentication item: ai-sdk-provider would refuse them.
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

/** Begins a task; the inner promise is its answer. */
async function start(
  { context, caller, pictures, hungUp, storing }: BatchContext,
  task: Work,
  raw: object,
): Promise<{ readonly answer: Promise<Answer> }> {
  if (!isQueuedTask(task)) {
    await Promise.all(storing); // it may ask for one of them
    return { answer: answerSmallTask(context, caller, { task, pictures }, hungUp) };
  }
  await requireModel(context, task);
  requireReceivers(context, task);
  if (context.dryRun) return { answer: dryRun(context, task) };
  const { accepted } = await handIn(context, caller, { task, raw, pictures });
  storing.push(accepted.catch(() => {})); // the answer tells why
  if (task.deliveryMethod === "async") return { answer: accepted.then(() => acknowledgement(task)) };
  return { answer: accepted.then((record) => waitFor(context, caller, record, hungUp)) };
}

/** Waits for a sync task. When the client goes away, the task is abandoned after a while, unless it brings a model. */
async function waitFor(
  context: RequestContext,
  { owner }: Caller,
  { taskUUID, task }: TaskRecord,
  hungUp: AbortSignal,
) {
  const { tasks, settings, stopping } = context.ports;
  const release = context.waiters.waitFor(owner, taskUUID);
  const patience = AbortSignal.timeout(settings.syncTimeout * 1000);
  try {
    const final = await tasks.waitForFinal(owner, taskUUID, AbortSignal.any([hungUp, patience, stopping]));
    if (final === undefined) throw new TaskError("taskFailedOrNotFound", { taskUUID });
    return finalAnswer(context, final);
  } catch (thrown) {
    if (hungUp.aborted) {
      if (isPictureTask(task)) abandonLater(context, owner, taskUUID);
      throw hungUp.reason;
    }
    if (patience.aborted) throw new TaskError("syncTimeout", { seconds: settings.syncTimeout });
    if (stopping.aborted) throw stoppingError();
    throw thrown;
  } finally {
    release();
  }
}

const stoppingError = (): TaskError =>
  new TaskError("serviceUnavailable", { reason: "It is stopping. The task is kept; fetch it with getResponse." });

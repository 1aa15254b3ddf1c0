/** Tasks from a WebSocket. Frames follow the rule of the clients: one task per frame, one error per frame. */

import {
  errorItem,
  type GetResponseTask,
  isQueuedTask,
  type ModelUploadTask,
  type Task,
  TaskError,
  UPLOAD_STAGES,
  type UploadStage,
} from "../../../protocol/index.ts";
import { isFinal, type TaskRecord } from "../../tasks/index.ts";
import { abandon } from "../hang-up.ts";
import { imageItem, isPictureRecord, stageItem } from "../items.ts";
import {
  accept,
  acknowledgement,
  dryRun,
  failure,
  type Received,
  requireModel,
  requireReceivers,
  standing,
} from "../queued-tasks.ts";
import { type Answer, answerWith, asTaskError } from "../reply.ts";
import type { RequestContext } from "../request-context.ts";
import { answerSmallTask } from "../small-tasks.ts";
import { onEnd, type Session } from "./session.ts";

export type SocketTask = Exclude<Task, { taskType: "authentication" | "ping" | "watch" }>;

/** Starts a task. Its answers go to the session's outbox. Resolves when the next task may be submitted. */
export async function beginTask(
  context: RequestContext,
  session: Session,
  received: Received<SocketTask>,
): Promise<void> {
  const { task, pictures } = received;
  const refuse = (thrown: unknown) => session.outbox.push(oneError(context, asTaskError(thrown), task));
  try {
    if (isQueuedTask(task)) await beginQueued(context, session, { ...received, task });
    else {
      const gone = new AbortController();
      const ending = () => gone.abort(new TaskError("taskCancelled"));
      onEnd(session, ending);
      session.answering++;
      void answerSmallTask(context, session.caller, { task, pictures }, gone.signal)
        .finally(() => {
          session.answering--;
          session.endings.delete(ending);
        })
        .then((answer) => session.outbox.push(answer))
        .then(() => (task.taskType === "getResponse" ? tellTheEnd(context, session, task) : undefined))
        .catch(refuse);
    }
  } catch (thrown) {
    refuse(thrown);
  }
}

/** A frame with one error. Clients read only the first, so further errors of a task would be lost. */
export function oneError(
  context: RequestContext,
  error: TaskError,
  owner: { readonly taskUUID?: string | undefined; readonly taskType?: string | undefined },
): Answer {
  context.ports.metrics.refused(error.code);
  if (error.cause !== undefined) {
    context.ports.log.error({ err: error.cause, taskUUID: owner.taskUUID }, error.message);
  }
  const { taskUUID, taskType } = owner;
  return { data: [], errors: [errorItem(error.body, { taskUUID, taskType }, context.documentation)] };
}

async function beginQueued(context: RequestContext, session: Session, received: Received): Promise<void> {
  const { task } = received;
  const { outbox, caller } = session;
  await requireModel(context, task);
  requireReceivers(context, task);
  if (context.dryRun) return outbox.push(await dryRun(context, task));
  const record = await accept(context, caller, received);
  if (task.deliveryMethod === "async") return outbox.push(acknowledgement(task));
  if (task.taskType === "modelUpload") await followUpload(context, session, task);
  else await follow(context, session, record);
}

/** Sends each image of a sync task when it is finished, and the error if the task fails. */
async function follow(context: RequestContext, session: Session, record: TaskRecord): Promise<void> {
  const { tasks } = context.ports;
  const { owner } = session.caller;
  const { taskUUID } = record;
  const release = context.waiters.waitFor(owner, taskUUID);
  let unsubscribe: (() => void) | undefined;
  const ending = () => {
    unsubscribe?.();
    abandon(context, owner, taskUUID, release);
  };
  onEnd(session, ending);
  unsubscribe = await tasks.subscribe(owner, taskUUID, (event) => {
    if (event.type === "result" && isPictureRecord(record)) {
      session.outbox.push({ data: [imageItem(record, event.result, context.source)], errors: [] });
    } else if (event.type === "final") {
      const errors = failure(event.record, context.documentation);
      if (errors.length > 0) session.outbox.push({ data: [], errors });
      session.endings.delete(ending);
      release();
    }
  });
}

/**
 * Sends a frame for each stage of an upload, and the error if it fails. Every stage is sent exactly once, even if the
 * upload starts again.
 */
async function followUpload(context: RequestContext, session: Session, task: ModelUploadTask): Promise<void> {
  let told = 0;
  const tell = (stage: UploadStage) => {
    if (stage !== UPLOAD_STAGES[told]) return;
    told++;
    session.outbox.push(answerWith(stageItem(task, stage)));
  };
  tell("validated");
  let unsubscribe: (() => void) | undefined;
  const ending = () => unsubscribe?.();
  onEnd(session, ending);
  unsubscribe = await context.ports.tasks.subscribe(session.caller.owner, task.taskUUID, (event) => {
    if (event.type === "progress" && "stage" in event) tell(event.stage);
    if (event.type !== "final") return;
    session.endings.delete(ending);
    if (event.record.state === "succeeded") return tell("ready");
    session.outbox.push({ data: [], errors: failure(event.record, context.documentation) });
  });
}

/** After a poll for an unfinished task, sends its final state without another poll. The Python client waits for it. */
async function tellTheEnd(context: RequestContext, session: Session, { taskUUID }: GetResponseTask): Promise<void> {
  if (session.polled.has(taskUUID)) return;
  const { tasks } = context.ports;
  const record = await tasks.get(session.caller.owner, taskUUID);
  if (record === undefined || isFinal(record.state)) return;
  session.polled.add(taskUUID);
  let unsubscribe: (() => void) | undefined;
  const ending = () => unsubscribe?.();
  onEnd(session, ending);
  unsubscribe = await tasks.subscribe(session.caller.owner, taskUUID, (event) => {
    if (event.type !== "final") return;
    session.polled.delete(taskUUID);
    session.endings.delete(ending);
    session.outbox.push(standing(context, event.record));
  });
}

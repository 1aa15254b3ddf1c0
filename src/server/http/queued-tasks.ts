/** Queued tasks: submission and replies. */

import type { ModelSummary } from "../../models/index.ts";
import {
  type ErrorItem,
  errorItem,
  type ImageInferenceTask,
  invalidParameter,
  modelErrors,
  type ParsedTask,
  type QueuedTask,
  type ReferenceCount,
  refusalFor,
  resultsOf,
  stringifyJson,
  type Task,
  type TaskDefaults,
  TaskError,
  withModelDefaults,
} from "../../protocol/index.ts";
import { isFinal, type OwnerId, type SubmitOutcome, type TaskRecord, workOf } from "../tasks/index.ts";
import { traced } from "../tracing/index.ts";
import type { Caller } from "./caller.ts";
import type { InlinePictures } from "./inline-pictures.ts";
import { imageItem, isPictureRecord, processingItems, stageItem, stagesOf } from "./items.ts";
import { namesOf } from "./model-item.ts";
import type { HttpPorts } from "./ports.ts";
import { type Answer, answerWith } from "./reply.ts";
import type { RequestContext } from "./request-context.ts";

/** A task as received. */
export interface Received<T extends Task = QueuedTask> {
  readonly task: T;
  /** The task object without its images. */
  readonly raw: object;
  /** The images of the request. */
  readonly pictures: InlinePictures;
}

/** Stores a task, or finds the task with the same taskUUID. Rejects if it cannot be accepted. */
export const accept = async (context: RequestContext, caller: Caller, received: Received): Promise<TaskRecord> =>
  (await handIn(context, caller, received)).accepted;

/**
 * Submits a task. `accepted` resolves when it is stored, and rejects if it cannot be accepted. Tasks keep the order of
 * submission, even if the caller does not wait: they are then stored together.
 */
export async function handIn(
  context: RequestContext,
  { owner }: Caller,
  { task, raw, pictures }: Received,
): Promise<{ readonly accepted: Promise<TaskRecord> }> {
  const { ports } = context;
  const admission = await ports.admit(owner, task.taskUUID);
  for (const [parameter, imageUUID] of picturesOf(task, pictures)) {
    await ports.uploads.keep(owner, parameter, imageUUID, pictures.get(imageUUID)!);
  }
  const accepted = traced(ports.tracer, "submit task", spanOf(context, task), async (trace) => {
    const outcome = await ports.tasks.submit(owner, { task, request: stringifyJson(raw), trace, ...admission });
    return taken(ports, owner, task, outcome);
  });
  return { accepted };
}

const spanOf = ({ trace: parent }: RequestContext, { taskUUID, taskType }: QueuedTask) => ({
  parent,
  attributes: { "inkstone.task.uuid": taskUUID, "inkstone.task.type": taskType },
});

function taken(
  { metrics, log }: HttpPorts,
  owner: OwnerId,
  { taskUUID }: QueuedTask,
  outcome: SubmitOutcome,
): TaskRecord {
  metrics.accepted(outcome.kind);
  switch (outcome.kind) {
    case "accepted":
    case "known":
      log.info({ taskUUID, owner, outcome: outcome.kind }, "task accepted");
      return outcome.record;
    case "conflict":
      throw new TaskError("conflictTaskUUID", { taskUUID }, { parameter: "taskUUID", type: "string" });
    case "queueFull": {
      const { waiting, retryAfterSeconds: retryAfter } = outcome;
      throw new TaskError("rateLimitExceeded", { waiting, seconds: retryAfter }, { retryAfter });
    }
  }
}

/** The images of a request that a task names, with the parameters that name them. */
export function picturesOf(value: unknown, pictures: InlinePictures, path = ""): [parameter: string, uuid: string][] {
  if (pictures.size === 0) return [];
  if (typeof value === "string") return pictures.has(value) ? [[path, value]] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => picturesOf(item, pictures, path ? `${path}.${key}` : key));
}

/** Rejects a task for a model, LoRA or ControlNet that is not installed, or a task that its model does not support. */
export async function requireModel({ ports }: RequestContext, task: QueuedTask): Promise<void> {
  if (task.taskType !== "imageInference") return;
  const models = await ports.models.list();
  const require = (air: string, category: ModelSummary["category"], parameter: string) => {
    const installed = models.filter((model) => model.category === category);
    const allowedValues = [...new Set(installed.flatMap(({ air, aliases = [] }) => [air, ...aliases]))];
    if (allowedValues.includes(air)) return;
    // Every worker has the bundled checkpoint.
    const none = category === "checkpoint" ? "none, because no worker is running" : "none";
    const allowed = allowedValues.map((value) => `'${value}'`).join(", ") || none;
    throw new TaskError("unknownModel", { model: air, allowed }, { parameter, type: "string", allowedValues });
  };
  require(task.model, "checkpoint", "model");
  for (const [i, { model }] of (task.lora ?? []).entries()) require(model, "lora", `lora.${i}.model`);
  for (const [i, { model }] of (task.controlNet ?? []).entries()) require(model, "controlnet", `controlNet.${i}.model`);
  const [unfit] = modelErrors(task, referencesOf(models, task.model));
  if (unfit) throw unfit;
}

/** Fills in the defaults of the task's model, and of a LoRA that was distilled to few steps. */
export async function filledIn({ ports }: RequestContext, item: ParsedTask): Promise<ParsedTask> {
  const { taskType, steps, lora } = item.raw ?? {};
  if (taskType !== "imageInference" || (typeof steps === "number" && lora === undefined)) return item;
  // If cards cannot be read, requireModel reports it.
  const models = await ports.models.list().catch((): readonly ModelSummary[] => []);
  const defaultsOf =
    (category: ModelSummary["category"]) =>
    (name: string): TaskDefaults | undefined => {
      const ofKind = models.filter((model) => model.category === category);
      const found = ofKind.find(({ air }) => air === name) ?? ofKind.find(({ aliases }) => aliases?.includes(name));
      return found && { steps: found.defaultSteps, CFGScale: found.defaultCFG };
    };
  return withModelDefaults(item, defaultsOf("checkpoint"), defaultsOf("lora"));
}

/** The number of reference images that a model takes, by any of its names; none if it is not installed. */
function referencesOf(models: readonly ModelSummary[], name: string): ReferenceCount {
  const found = models.find(({ air, aliases }) => air === name || aliases?.includes(name));
  return found?.references ?? { min: 0, max: 0 };
}

/** The errors of an invalid task, in the order of its model. */
export async function refusal({ ports }: RequestContext, item: Extract<ParsedTask, { ok: false }>) {
  const models = await ports.models.list();
  return refusalFor(item, (model) => referencesOf(models, model));
}

/** Rejects a task whose results would go to a forbidden address. */
export function requireReceivers({ ports }: RequestContext, task: QueuedTask): void {
  if (task.taskType === "modelUpload") return;
  for (const parameter of ["webhookURL", "uploadEndpoint"] as const) {
    const url = task[parameter];
    if (url === undefined || ports.mayName(url)) continue;
    const rule = "It must be an address of the public internet, or one that the operator allows.";
    throw invalidParameter(parameter, url, rule, { type: "string" });
  }
}

/** The acknowledgement of an async task. */
export const acknowledgement = ({ taskType, taskUUID }: QueuedTask): Answer => answerWith({ taskType, taskUUID });

/** The expected results of a valid task, without running it. */
export async function dryRun({ ports }: RequestContext, task: QueuedTask): Promise<Answer> {
  if (task.taskType === "modelUpload") return answerWith(stageItem(task, "validated"));
  const cost = await ports.models.cost(task);
  const estimatedSeconds = task.taskType === "imageInference" ? await secondsFor(ports, task) : undefined;
  const { taskType, taskUUID } = task;
  const item = {
    taskType,
    taskUUID,
    ...(cost !== undefined && { cost }),
    ...(estimatedSeconds !== undefined && { estimatedSeconds }),
    dryRun: true,
  } as const;
  return answerWith(...Array.from({ length: resultsOf(task) }, () => item));
}

/** The expected duration of a task after its start; undefined before its model has generated anything. */
async function secondsFor({ models, tasks }: HttpPorts, task: ImageInferenceTask): Promise<number | undefined> {
  const model = (await models.list()).find((one) => namesOf(one).includes(task.model));
  if (model === undefined) return undefined;
  const { maxPixels } = model;
  const pace = await tasks.pace({ names: namesOf(model), maxPixels });
  return pace && Math.round(100 * pace * workOf(task, maxPixels)) / 100;
}

/** The complete answer of a final task: its images or stages, then its error. */
export function finalAnswer(context: RequestContext, record: TaskRecord, withStatus = false): Answer {
  return {
    data: isPictureRecord(record)
      ? record.results.map((result) => imageItem(record, result, context.source, withStatus))
      : answerWith(...stagesOf(record, withStatus)).data,
    errors: failure(record, context.documentation, withStatus),
  };
}

/**
 * The current answer of a task. Unfinished items come first, because some clients stop reading at the first image.
 * Errors are included only if no result follows.
 */
export function standing(context: RequestContext, record: TaskRecord): Answer {
  const answer = finalAnswer(context, record, true);
  return isFinal(record.state) || !isPictureRecord(record)
    ? answer
    : { data: [...processingItems(record), ...answer.data], errors: [] };
}

/** The error of a task that did not succeed. */
export function failure(record: TaskRecord, documentation: string, withStatus = false): ErrorItem[] {
  if (record.state !== "failed" && record.state !== "cancelled") return [];
  const body =
    record.state === "cancelled"
      ? new TaskError("taskCancelled").body
      : (record.error ?? new TaskError("internalServerError").body);
  const owner = { taskUUID: record.taskUUID, taskType: record.task.taskType };
  return [{ ...errorItem(body, owner, documentation), ...(withStatus && { status: "error" as const }) }];
}

/** The error for a task that does not exist for this caller. */
export const unknownTask = (taskUUID: string): TaskError =>
  new TaskError("taskFailedOrNotFound", { taskUUID }, { parameter: "taskUUID", type: "string" });

/** Tasks that are queued: hands one in, and tells what became of it. */

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

/** A task as it was received. */
export interface Received<T extends Task = QueuedTask> {
  readonly task: T;
  /** With the pictures taken out. */
  readonly raw: object;
  /** Those that were inside the request. */
  readonly pictures: InlinePictures;
}

/** Stores a task, or finds the one that was stored under its taskUUID before. Rejects when it cannot be taken. */
export const accept = async (context: RequestContext, caller: Caller, received: Received): Promise<TaskRecord> =>
  (await handIn(context, caller, received)).accepted;

/**
 * Hands a task in: `accepted` resolves once it is stored, and rejects when it cannot be taken. Tasks that are handed in one after the other
 * keep their order, also when none waits for the one before to be stored: then they are stored together.
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
  const accepted = traced(ports.tracer, "hand in task", spanOf(context, task), async (trace) => {
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

/** The pictures of a request that a task names, with the parameters that name them. */
export function picturesOf(value: unknown, pictures: InlinePictures, path = ""): [parameter: string, uuid: string][] {
  if (pictures.size === 0) return [];
  if (typeof value === "string") return pictures.has(value) ? [[path, value]] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => picturesOf(item, pictures, path ? `${path}.${key}` : key));
}

/** Refuses a task for a model, a LoRA or a ControlNet that is not installed, and one that its model cannot do. */
export async function requireModel({ ports }: RequestContext, task: QueuedTask): Promise<void> {
  if (task.taskType !== "imageInference") return;
  const models = await ports.models.list();
  const require = (air: string, category: ModelSummary["category"], parameter: string) => {
    const installed = models.filter((model) => model.category === category);
    const allowedValues = [...new Set(installed.flatMap(({ air, aliases = [] }) => [air, ...aliases]))];
    if (allowedValues.includes(air)) return;
    const allowed = allowedValues.map((value) => `'${value}'`).join(", ") || "none";
    throw new TaskError("unknownModel", { model: air, allowed }, { parameter, type: "string", allowedValues });
  };
  require(task.model, "checkpoint", "model");
  for (const [i, { model }] of (task.lora ?? []).entries()) require(model, "lora", `lora.${i}.model`);
  for (const [i, { model }] of (task.controlNet ?? []).entries()) require(model, "controlnet", `controlNet.${i}.model`);
  const [unfit] = modelErrors(task, referencesOf(models, task.model));
  if (unfit) throw unfit;
}

/** A task with the defaults of its model, and of a LoRA that was distilled to few steps, where it leaves them open. */
export async function filledIn({ ports }: RequestContext, item: ParsedTask): Promise<ParsedTask> {
  const { taskType, steps, lora } = item.raw ?? {};
  if (taskType !== "imageInference" || (typeof steps === "number" && lora === undefined)) return item;
  // Where cards cannot be read, requireModel says so.
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

/** How many reference images a model takes, by any of its names; none where it is not installed. */
function referencesOf(models: readonly ModelSummary[], name: string): ReferenceCount {
  const found = models.find(({ air, aliases }) => air === name || aliases?.includes(name));
  return found?.references ?? { min: 0, max: 0 };
}

/** The errors of a task that does not hold, in the order that its model gives them. */
export async function refusal({ ports }: RequestContext, item: Extract<ParsedTask, { ok: false }>) {
  const models = await ports.models.list();
  return refusalFor(item, (model) => referencesOf(models, model));
}

/** Refuses a task whose results would go to an address that is never connected to. */
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

/** What a validated task would give, without running it. */
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

/** How long drawing a task will take once it has started; undefined before its model has drawn anything. */
async function secondsFor({ models, tasks }: HttpPorts, task: ImageInferenceTask): Promise<number | undefined> {
  const model = (await models.list()).find((one) => namesOf(one).includes(task.model));
  if (model === undefined) return undefined;
  const { maxPixels } = model;
  const pace = await tasks.pace({ names: namesOf(model), maxPixels });
  return pace && Math.round(100 * pace * workOf(task, maxPixels)) / 100;
}

/** Everything a final task has to say: its pictures or stages, then why there are no more. */
export function finalAnswer(context: RequestContext, record: TaskRecord, withStatus = false): Answer {
  return {
    data: isPictureRecord(record)
      ? record.results.map((result) => imageItem(record, result, context.source, withStatus))
      : answerWith(...stagesOf(record, withStatus)).data,
    errors: failure(record, context.documentation, withStatus),
  };
}

/** A task as it stands: what is unfinished first, as some clients stop reading at the first picture. Errors are told only when nothing more will come. */
export function standing(context: RequestContext, record: TaskRecord): Answer {
  const answer = finalAnswer(context, record, true);
  return isFinal(record.state) || !isPictureRecord(record)
    ? answer
    : { data: [...processingItems(record), ...answer.data], errors: [] };
}

/** Why a task did not end well. */
export function failure(record: TaskRecord, documentation: string, withStatus = false): ErrorItem[] {
  if (record.state !== "failed" && record.state !== "cancelled") return [];
  const body =
    record.state === "cancelled"
      ? new TaskError("taskCancelled").body
      : (record.error ?? new TaskError("internalServerError").body);
  const owner = { taskUUID: record.taskUUID, taskType: record.task.taskType };
  return [{ ...errorItem(body, owner, documentation), ...(withStatus && { status: "error" as const }) }];
}

/** The error for a task that this caller does not have. */
export const unknownTask = (taskUUID: string): TaskError =>
  new TaskError("taskFailedOrNotFound", { taskUUID }, { parameter: "taskUUID", type: "string" });

/** Parsing of one task object: finds its type and validates it. */

import type { z } from "zod";
import { type FieldTable, fieldTable, quoted } from "../fields/index.ts";
import { normalize, withoutNulls } from "./aliases.ts";
import {
  type ControlNetPreprocessTask,
  controlNetPreprocess,
  missingPreprocessor,
  preprocessErrors,
  respellPreprocess,
} from "./controlnet-preprocess.ts";
import { type ImageInferenceTask, imageInference } from "./image-inference.ts";
import { checkpointErrors, type ModelUploadTask, modelUpload } from "./model-upload.ts";
import {
  accountManagement,
  authentication,
  getResponse,
  getTaskDetails,
  imageUpload,
  type MediaStorageTask,
  mediaErrors,
  mediaStorage,
  modelSearch,
  ping,
  watch,
} from "./other-tasks.ts";
import { missingParameter, parameterErrors, show } from "./parameter-errors.ts";
import { ruleErrors } from "./rules.ts";
import { textErrors } from "./storable-text.ts";
import { type ErrorOwner, TaskError } from "./task-error.ts";
import { respellInputImage, type UpscaleTask, upscale } from "./upscale.ts";
import { type VectorizeTask, vectorize } from "./vectorize.ts";

/** The schema of every task type. */
export const TASK_SCHEMAS = {
  authentication,
  ping,
  imageInference,
  controlNetPreprocess,
  upscale,
  vectorize,
  getResponse,
  getTaskDetails,
  imageUpload,
  mediaStorage,
  accountManagement,
  modelSearch,
  modelUpload,
  watch,
} as const;

/** Older names of task types. */
export const TASK_ALIASES: Readonly<Record<string, TaskType>> = {
  imageControlNetPreProcess: "controlNetPreprocess",
  imageUpscale: "upscale",
};

export type TaskType = keyof typeof TASK_SCHEMAS;
export const TASK_TYPES = Object.keys(TASK_SCHEMAS) as readonly TaskType[];

const NO_MATTING =
  "Inkstone has no freely licensed weights for background removal. Remove the background with another program.";
const NO_CAPTIONS = "Inkstone has no network that describes images. Write the text yourself, or use another program.";

/** Task types of the API that are not supported, with the reason and an alternative. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  removeBackground: NO_MATTING,
  imageBackgroundRemoval: NO_MATTING,
  caption: NO_CAPTIONS,
  imageCaption: NO_CAPTIONS,
  promptEnhance: "Inkstone has no language model. Send the final prompt.",
  imageMasking:
    "Inkstone does not make masks. Send `inputs.maskImage` from another program, or refine faces with `ultralytics`.",
};

/** Any validated task. */
export type Task = { [Type in TaskType]: z.output<(typeof TASK_SCHEMAS)[Type]> }[TaskType];

/** A task with images as results. */
export type PictureTask = ImageInferenceTask | ControlNetPreprocessTask | UpscaleTask | VectorizeTask;

/** A task that is stored and queued. Clients can poll it. */
export type QueuedTask = PictureTask | ModelUploadTask;

const PICTURE_TASKS: ReadonlySet<TaskType> = new Set<PictureTask["taskType"]>([
  "imageInference",
  "controlNetPreprocess",
  "upscale",
  "vectorize",
]);

export const isPictureTask = (task: Task): task is PictureTask => PICTURE_TASKS.has(task.taskType);

export const isQueuedTask = (task: Task): task is QueuedTask => isPictureTask(task) || task.taskType === "modelUpload";

/** The number of images that a task makes. */
export function resultsOf(task: QueuedTask): number {
  if (task.taskType === "modelUpload") return 0;
  return task.taskType === "imageInference" ? task.numberResults : 1;
}

/** A valid task with the object that was received, or all of its errors. */
export type ParsedTask =
  | { readonly ok: true; readonly task: Task; readonly raw: Readonly<Record<string, unknown>> }
  | {
      readonly ok: false;
      readonly owner: ErrorOwner;
      readonly errors: readonly [TaskError, ...TaskError[]];
      /** The object that was received; absent if the value was not an object. */
      readonly raw?: Readonly<Record<string, unknown>>;
    };

const tables = Object.fromEntries(
  Object.entries(TASK_SCHEMAS).map(([type, schema]) => [type, fieldTable(schema)]),
) as Record<TaskType, FieldTable>;

/** The parameters of a task type. */
export const parametersOf = (type: TaskType): FieldTable => tables[type];

/** Validates one task object against its schema and the rules between parameters. Never throws. */
export function parseTask(given: unknown): ParsedTask {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return refuse({}, [
      new TaskError("invalidRequest", { reason: `A task must be an object. Received: ${show(given)}.` }),
    ]);
  }
  const raw = withoutAlias(given as Record<string, unknown>);
  const owner = ownerOf(raw);
  const type = raw.taskType;
  if (type === undefined || type === null) {
    return refuse(owner, [missingParameter("taskType", "", { type: "string", allowedValues: TASK_TYPES })]);
  }
  if (typeof type !== "string" || !Object.hasOwn(TASK_SCHEMAS, type)) return refuse(owner, [unsupportedTaskType(type)]);

  const found = (READERS[type as TaskType] ?? read)(raw, type as TaskType);
  const errors = Array.isArray(found) ? found : textErrors(raw);
  return errors.length > 0
    ? { ...refuse(owner, errors as [TaskError, ...TaskError[]]), raw }
    : { ok: true, task: found as Task, raw };
}

/** Converts an object to a task of its type, or returns all errors. */
type Reader = (raw: Record<string, unknown>, type: TaskType) => Task | TaskError[];

/**
 * Readers of types with alternative spellings or with rules that the schema cannot express. All other types are read by
 * the schema alone.
 */
const READERS: Partial<Record<TaskType, Reader>> = {
  imageInference: readInference,
  controlNetPreprocess: readPreprocess,
  modelUpload: readUpload,
  mediaStorage: readMedia,
  upscale: (raw, type) => read(respellInputImage(raw), type),
  vectorize: (raw, type) => read(respellInputImage(raw), type),
};

function read(raw: Record<string, unknown>, type: TaskType): Task | TaskError[] {
  const value = withoutNulls(raw, 6);
  const parsed = TASK_SCHEMAS[type].safeParse(value);
  return parsed.success
    ? (parsed.data as Task)
    : parameterErrors(parsed.error.issues, value, tables[type], (path) => path);
}

function readPreprocess(raw: Record<string, unknown>): Task | TaskError[] {
  const task = respellPreprocess(raw);
  const missing = missingPreprocessor(task);
  const found = read(missing ? { ...task, preProcessorType: "canny" } : task, "controlNetPreprocess");
  const errors = Array.isArray(found) ? found : preprocessErrors(found as ControlNetPreprocessTask);
  return missing ? [missing, ...errors] : errors.length > 0 ? errors : found;
}

function readUpload(raw: Record<string, unknown>): Task | TaskError[] {
  const found = read(raw, "modelUpload");
  const errors = Array.isArray(found) ? [] : checkpointErrors(found as ModelUploadTask);
  return errors.length > 0 ? errors : found;
}

function readMedia(raw: Record<string, unknown>): Task | TaskError[] {
  const found = read(raw, "mediaStorage");
  const errors = Array.isArray(found) ? [] : mediaErrors(found as MediaStorageTask);
  return errors.length > 0 ? errors : found;
}

function withoutAlias(raw: Record<string, unknown>): Record<string, unknown> {
  const { taskType } = raw;
  const known = typeof taskType === "string" && Object.hasOwn(TASK_ALIASES, taskType);
  return known ? { ...raw, taskType: TASK_ALIASES[taskType] } : raw;
}

function readInference(raw: Record<string, unknown>): ImageInferenceTask | TaskError[] {
  const { value, errors, spelling } = normalize(raw);
  const parsed = imageInference.safeParse(value);
  if (!parsed.success) {
    return [...errors, ...parameterErrors(parsed.error.issues, value, tables.imageInference, spelling)];
  }
  const task = parsed.data;
  const broken = [...errors, ...ruleErrors(task)];
  return broken.length > 0 ? broken : task;
}

/** The facts about its task that an error can carry, even if the task is broken. */
function ownerOf(raw: Record<string, unknown>): ErrorOwner {
  const word = (value: unknown) => (typeof value === "string" && value.length <= 100 ? value : undefined);
  return { taskUUID: word(raw.taskUUID), taskType: word(raw.taskType) };
}

function unsupportedTaskType(given: unknown): TaskError {
  const reason = typeof given === "string" && Object.hasOwn(ELSEWHERE, given) ? ` ${ELSEWHERE[given]}` : "";
  const values = { given: show(given), allowed: quoted(TASK_TYPES), reason };
  const facts = { parameter: "taskType", type: "string", allowedValues: TASK_TYPES };
  return new TaskError("unsupportedTaskType", values, facts);
}

const refuse = (owner: ErrorOwner, errors: readonly [TaskError, ...TaskError[]]) =>
  ({ ok: false, owner, errors }) as const;

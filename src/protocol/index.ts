/** The wire format: task schemas, errors and results. No I/O. */

export { type FieldTable, isUuidV4, type Parameter } from "../fields/index.ts";
export { type ControlNetPreprocessTask, PREPROCESSORS, type Preprocessor } from "./controlnet-preprocess.ts";
export { DELIVERY_METHODS, OUTPUT_FORMATS, OUTPUT_TYPES, type OutputType } from "./delivery.ts";
export { ERRORS, type ErrorCode, type ErrorKind, errorKind, invalidCode } from "./errors.ts";
export {
  binQuery,
  eventQuery,
  pictureChange,
  pictureNames,
  pictureQuery,
  readBody,
  readQuery,
  taskQuery,
  taskStop,
} from "./gallery.ts";
export {
  type ModelLoadReply,
  type ModelReply,
  type PictureReply,
  ROUTE_REPLIES,
  type StatusReply,
  type TaskReply,
} from "./gallery-replies.ts";
export { DEFAULT_STRENGTH, type ImageInferenceTask, imageInference } from "./image-inference.ts";
export { parseJson, stringifyJson } from "./json.ts";
export { IMAGE_KEY } from "./json-bounds.ts";
export {
  loraDefaults,
  modelErrors,
  type ReferenceCount,
  refusalFor,
  type TaskDefaults,
  withModelDefaults,
} from "./model-rules.ts";
export { hubRepository, type ModelUploadTask, UPLOAD_STAGES, type UploadStage } from "./model-upload.ts";
export type {
  AccountManagementTask,
  AuthenticationTask,
  GetResponseTask,
  GetTaskDetailsTask,
  ImageUploadTask,
  MediaStorageTask,
  ModelSearchTask,
  PingTask,
  WatchTask,
} from "./other-tasks.ts";
export { invalidParameter, missingParameter } from "./parameter-errors.ts";
export {
  DATA_ITEMS,
  type DataItem,
  errorSchema,
  type GuideItem,
  type ImageItem,
  type ModelSearchResult,
  type OutputFormat,
  type ProcessingItem,
  replyBody,
  type UploadItem,
  type UpscaledItem,
  type VectorizedItem,
  type WatchItem,
} from "./replies.ts";
export { parseRequestJson, type RequestOptions, readTasks } from "./request.ts";
export { findScheduler, SCHEDULER_ALIASES, SCHEDULERS, type SchedulerName } from "./schedulers.ts";
export { resolveWindow, type StepWindow } from "./step-window.ts";
export {
  isPictureTask,
  isQueuedTask,
  type ParsedTask,
  type PictureTask,
  parametersOf,
  parseTask,
  type QueuedTask,
  resultsOf,
  TASK_SCHEMAS,
  type Task,
  type TaskType,
} from "./task.ts";
export { type ErrorItem, type ErrorOwner, errorItem, TaskError, type TaskErrorBody } from "./task-error.ts";
export type { UpscaleTask } from "./upscale.ts";
export { carriedBase64, MAX_SEED, randomSeed, resultSeed } from "./values.ts";
export type { VectorizeTask } from "./vectorize.ts";
export type { WatermarkPosition } from "./watermark.ts";

/** The wire format: task schemas, errors and results. No I/O. */

export { ERRORS, type ErrorCode, type ErrorKind, errorKind } from "./errors.ts";
export {
  DELIVERY_METHODS,
  type ImageInferenceTask,
  imageInference,
  OUTPUT_FORMATS,
  OUTPUT_TYPES,
} from "./image-inference.ts";
export { parseJson, stringifyJson } from "./json.ts";
export { EULER_SCHEDULERS, findScheduler, SCHEDULER_ALIASES, SCHEDULERS, type SchedulerName } from "./schedulers.ts";
export { MAX_SEED, randomSeed, resultSeed } from "./seed.ts";
export { type ErrorItem, type ErrorOwner, errorItem, TaskError, type TaskErrorBody } from "./task-error.ts";
export { isUuidV4 } from "./uuid.ts";

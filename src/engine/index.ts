/** The inference engine: parameters in, pixels out. No network, no database, no files but the checkpoint's. */
export type { CacheParams } from "./caching/params.ts";
export type { LoraParams } from "./lora/params.ts";
export { Pipeline } from "./pipeline.ts";
export { type HostTensor, type OnnxFile, openOnnxFile, type SessionOptions } from "./runtime/session.ts";
export { SCHEDULERS, type Scheduler } from "./schedulers/table.ts";
export {
  CheckpointError,
  type ControlParams,
  type GeneratedImage,
  type GenerateHooks,
  type GenerateParams,
  type GrayImage,
  ParameterError,
  type RgbImage,
  type ScheduleOverride,
  type StepEvent,
} from "./types.ts";

/** The inference engine: parameters in, pixels out. No network, no database, no files except those of models. */

export {
  DeviceError,
  type DeviceName,
  type HostTensor,
  type OnnxFile,
  type OpenedDevice,
  openDevice,
  openOnnxFile,
  type Precision,
  type SessionOptions,
} from "../onnx/index.ts";
export type { GrayImage, RgbImage } from "../pictures/index.ts";
export { CheckpointError } from "../weights/index.ts";
export { ParameterError } from "./check.ts";
export { expectedTensors } from "./checkpoint/asked-tensors.ts";
export { checkCheckpoint } from "./checkpoint/check.ts";
export { readMember } from "./checkpoint/checkpoint.ts";
export { checkControlNet, controlNetFromTensors } from "./control-net/from-tensors.ts";
export type { ControlParams } from "./control-net/params.ts";
export { countFallbacks, type Examination, examine, requireLoadable } from "./examine.ts";
export { LoraFileError } from "./lora/changes.ts";
export { parseKey, unknownKind } from "./lora/keys.ts";
export { type LoraMerge, openLoraMerge } from "./lora/merge.ts";
export type { LoraParams } from "./lora/params.ts";
export type {
  DrawingStage,
  GeneratedImage,
  GenerateHooks,
  GenerateParams,
  ScheduleOverride,
  StepEvent,
} from "./params.ts";
export { Pipeline } from "./pipeline.ts";
export { SCHEDULERS, type Scheduler } from "./schedulers/schedulers.ts";
export type { CacheParams } from "./step-cache/params.ts";
export { sizeOfArea } from "./vision/sizes.ts";

/** The inference engine: parameters in, pixels out. No network, no database, no files but the checkpoint's. */
export { Pipeline } from "./pipeline.ts";
export type { SessionOptions } from "./runtime/session.ts";
export {
  CheckpointError,
  type GeneratedImage,
  type GenerateHooks,
  type GenerateParams,
  type GrayImage,
  ParameterError,
  type RgbImage,
  type StepEvent,
} from "./types.ts";

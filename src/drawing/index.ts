/** From a task to finished pictures: sizes, starting pictures, masks, outpainting, faces, safety. */
export { findAdapters, type TaskAdapters } from "./adapters.ts";
export { type DrawOptions, draw } from "./draw.ts";
export type { Drawing, Engine, EngineHooks, Outpaint } from "./drawing.ts";
export { type DrawFinishedOptions, drawFinished } from "./finish.ts";
export { drawingFromTask, maskFromPicture, type TaskPictures } from "./from-task.ts";
export { createGuideMaker, type GuideMaker, guideFromTask } from "./guides/index.ts";
export { openFinishing } from "./open-stages.ts";
export {
  createEngineProcess,
  EngineDied,
  type EngineHooks as ProcessHooks,
  type EngineProcess,
} from "./process/engine-process.ts";
export { startWatchdog, type Watchdog } from "./process/watchdog.ts";
export type { PictureProgress } from "./progress.ts";
export { guideRecord, pictureRecord } from "./record.ts";
export { DEFAULT_SAFETY_RULE, SAFETY_CLASSES, SAFETY_POLICIES } from "./safety/index.ts";
export { type Findings, type FinishingMeans, stagesOf } from "./stages.ts";

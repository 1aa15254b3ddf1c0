/** From a task to finished images: sizes, seed images, masks, outpainting, faces, safety, guide images. */
export { findAdapters, type TaskAdapters } from "./adapters.ts";
export { type DrawOptions, draw } from "./draw.ts";
export type { Drawing, Engine, Outpaint } from "./drawing.ts";
export { requireFaceModel } from "./faces/index.ts";
export { type DrawHooks, type DrawingPlan, drawFinished } from "./finish.ts";
export { drawingFromTask, guideFromTask, maskFromPicture, type TaskPictures } from "./from-task.ts";
export { finishingNetworks } from "./networks.ts";
export { createEngineProcess, type EngineProcess } from "./process/engine-process.ts";
export { EngineDied } from "./process/follow-request.ts";
export { traceImage } from "./process/trace.ts";
export { startWatchdog, type Watchdog } from "./process/watchdog.ts";
export type { PictureProgress } from "./progress.ts";
export { pictureRecord, sideRecord } from "./record.ts";
export { PictureRefused } from "./safety.ts";
export { type Findings, type SafetySettings, stagesOf } from "./stages.ts";

/** From what a person asks for to engine runs and back: sizes, starting pictures, masks, outpainting, pasting together. */

export { findAdapters, type TaskAdapters } from "./adapters.ts";
export { composite, crop, paste } from "./composite.ts";
export { type DrawOptions, draw } from "./draw.ts";
export type { Drawing, Engine, EngineHooks, Outpaint } from "./drawing.ts";
export { drawingFromTask, maskFromPicture, type TaskPictures } from "./from-task.ts";
export { guideRecord, pictureRecord } from "./record.ts";

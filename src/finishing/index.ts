/** The stages of a picture after it is drawn: faces, then safety. */
export { type DrawFinishedOptions, drawFinished } from "./draw-finished.ts";
export { openFinishing } from "./open.ts";
export type { PictureProgress } from "./progress.ts";
export { type Findings, type FinishingMeans, stagesOf } from "./stages.ts";

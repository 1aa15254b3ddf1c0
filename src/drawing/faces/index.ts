/** Finds faces and draws them again with more detail: detection in a process of its own, refinement through the engine. */
export { createFaceDetector, type FaceDetector, type FaceDetectorOptions } from "./detector.ts";
export type { Box, Face } from "./face.ts";
export { type FaceSettings, refinementOf, stepsPerFace } from "./from-task.ts";
export { type Refinement, type RefineOptions, type RefineStep, refineFaces } from "./refine.ts";

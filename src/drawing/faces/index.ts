/** Finds faces and generates them again with more detail. */
export { openFaceDetector, requireFaceModel } from "./detector.ts";
export type { Face } from "./face.ts";
export { type FaceSettings, refinementOf, stepsPerFace } from "./from-task.ts";
export { refineFaces } from "./refine.ts";

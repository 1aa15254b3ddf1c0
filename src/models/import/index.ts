/** Checkpoints made from whatever files people have. Loads the engine: other commands need none of it. */
export { type AddHooks, addCheckpoint, requireFreeFor } from "./add-checkpoint.ts";
export type { CheckpointFiles } from "./ingredients.ts";
export { isModelFile, pullRepository } from "./pull-repository.ts";

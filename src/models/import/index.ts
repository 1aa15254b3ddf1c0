/** Checkpoints made from whatever files people have. Loads the engine: other commands need none of it. */
export { type AddHooks, addCheckpoint, addRepository, requireDrawable, requireFreeFor } from "./add-checkpoint.ts";
export { modeFor } from "./gather-repository.ts";
export type { CheckpointFiles } from "./ingredients.ts";

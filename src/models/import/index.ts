/** Checkpoints made from whatever files people have. Loads the engine: other commands need none of it. */
export { type AddHooks, addCheckpoint } from "./add-checkpoint.ts";
export type { CheckpointFiles } from "./gather.ts";

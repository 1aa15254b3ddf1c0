/** Makes checkpoints from files of any supported format. It loads the engine, which other commands do not need. */
export { type AddHooks, addCheckpoint, requireCompleted } from "./add-checkpoint.ts";
export type { ConversionProgress } from "./convert-pieces.ts";
export { requireRoom } from "./disk-room.ts";
export type { CheckpointFiles } from "./ingredients.ts";
export { pullRepository } from "./pull-repository.ts";
export { requireFreeFor } from "./put-in-place.ts";
export { filesOfControlNet } from "./used-files.ts";

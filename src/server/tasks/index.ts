export type { NewResult } from "./complete.ts";
export { expireTasks } from "./expire.ts";
export { findTask } from "./find.ts";
export { imageUUID } from "./image-uuid.ts";
export { type Claim, createTaskQueue, type TaskQueue } from "./queue.ts";
export { createTaskService } from "./service.ts";
export { openSignals, type TaskSignals } from "./signals.ts";
export { isFinal, MOVES } from "./state.ts";
export type * from "./types.ts";

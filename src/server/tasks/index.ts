export { expireTasks } from "./expire.ts";
export { findTask } from "./find.ts";
export type { NewResult } from "./outcome.ts";
export { type Claim, createTaskQueue, type TaskQueue } from "./queue.ts";
export { createTaskService } from "./service.ts";
export { openSignals, type TaskSignals } from "./signals.ts";
export { isFinal, MOVES } from "./state.ts";
export { imageUUID } from "./stored-task.ts";
export type * from "./types.ts";

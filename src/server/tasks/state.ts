import type { FinalState, TaskState } from "./types.ts";

/**
 * The legal moves of a task. `running → queued` is a retry, a worker lost, or a worker handing back on shutdown; every
 * statement that moves a task names the state it comes from, and the attempt when a worker asks.
 */
export const MOVES: Readonly<Record<TaskState, readonly TaskState[]>> = {
  queued: ["running", "cancelled"],
  running: ["succeeded", "failed", "cancelled", "queued"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** Whether the state never changes again. */
export const isFinal = (state: TaskState): state is FinalState => MOVES[state].length === 0;

/** A child process that starts with the first call and ends when idle. */

export { endChild, sendTo } from "./child.ts";
export {
  createLazyProcess,
  type LazyProcess,
  type LazyProcessOptions,
  ProcessLost,
  programBeside,
} from "./lazy-process.ts";
export { leaveWithParent } from "./leave-with-parent.ts";
export { serveCalls } from "./serve-calls.ts";

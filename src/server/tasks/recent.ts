import type { StoredTask } from "./find.ts";
import type { TaskSignals } from "./signals.ts";
import type { OwnerId } from "./types.ts";

const KEPT = 64;
/** Characters of a request: longer ones hold pictures, which would wait here in memory as long as in the queue. */
const LONGEST = 64 * 1024;

/**
 * The tasks accepted last, for as long as nothing has happened to them, but for large ones: who waits for a task right
 * after sending it need not read the row that was just written (2 ms of PGlite's time).
 */
export function rememberRecent(signals: TaskSignals) {
  const byId = new Map<string, StoredTask>();
  const close = signals.listen((signal) => {
    if ("id" in signal) byId.delete(signal.id);
    if (signal.type === "gap") byId.clear();
  });
  return {
    add(task: StoredTask, request: string): void {
      if (request.length > LONGEST) return;
      byId.set(task.id, task);
      if (byId.size > KEPT) byId.delete(byId.keys().next().value!);
    },
    find(owner: OwnerId, taskUUID: string): StoredTask | undefined {
      return [...byId.values()].findLast(({ record }) => record.owner === owner && record.taskUUID === taskUUID);
    },
    close,
  };
}

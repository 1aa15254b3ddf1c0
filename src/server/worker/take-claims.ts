import { setTimeout as sleep } from "node:timers/promises";
import type { Claim, Lane, TaskOf, TaskQueue } from "../tasks/index.ts";

export interface Taking<L extends Lane> {
  /** Resolves when tasks can run. No task is claimed before. Rejects when `signal` is aborted. */
  ready?(): Promise<void>;
  /** Runs a claimed task. Resolves when the next task may be claimed. */
  take(claim: Claim<TaskOf[L]>): Promise<void>;
  /** Called with an error: an unreachable database or a defect. A pause of a second follows. */
  onError(error: unknown): void;
  /** Once aborted, no further task is claimed. The current one finishes first. */
  readonly signal: AbortSignal;
}

/**
 * Claims the tasks of a lane one after the other. If `take` fails to end a task, the task returns when its lease
 * expires.
 */
export async function takeClaims<L extends Lane>(queue: TaskQueue<L>, { ready, take, onError, signal }: Taking<L>) {
  while (!signal.aborted) {
    try {
      await ready?.();
      await take(await queue.next(signal));
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      await sleep(1_000, undefined, { signal }).catch(() => {});
    }
  }
}

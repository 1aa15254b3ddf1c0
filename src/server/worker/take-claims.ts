import { setTimeout as sleep } from "node:timers/promises";
import type { Claim, Lane, TaskOf, TaskQueue } from "../tasks/index.ts";

export interface Taking<L extends Lane> {
  /** Resolves when a task could be worked on; until then none is claimed. Rejects when `signal` is aborted. */
  ready?(): Promise<void>;
  /** Resolves when the next task may be claimed. */
  take(claim: Claim<TaskOf[L]>): Promise<void>;
  /** Told of an error, after which there is a pause of a second: the database is away, or there is a defect. */
  onError(error: unknown): void;
  /** No task is claimed once it is aborted; the one being taken is waited for. */
  readonly signal: AbortSignal;
}

/** Claims the tasks of a lane one after the other. A task that `take` failed to end comes back when its lease runs out. */
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

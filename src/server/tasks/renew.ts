import type { Queryable } from "../database/index.ts";
import type { TaskProgress } from "./types.ts";

/** What fences a worker's writes. */
export interface Fence {
  readonly id: string;
  readonly attempt: number;
}

/** Prolongs a worker's lease and notes the progress. False: the task is no longer this worker's (cancelled, or taken over). */
export async function renewLease(
  db: Queryable,
  { id, attempt }: Fence,
  leaseSeconds: number,
  progress: TaskProgress | undefined,
): Promise<boolean> {
  const rows = await db.query(
    `update tasks set lease_until = now() + make_interval(secs => $3), progress = coalesce($4, progress)
     where id = $1 and attempt = $2 and state = 'running' returning id`,
    [id, attempt, leaseSeconds, progress ? JSON.stringify(progress) : null],
  );
  return rows.length > 0;
}

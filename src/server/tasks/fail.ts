import type { TaskErrorBody } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import type { Fence } from "./renew.ts";

/** How an attempt ended badly. */
export interface Failure {
  readonly error: TaskErrorBody;
  /** The engine process died of it. */
  readonly death: boolean;
}

/** The webhook that a failed task owes; for use after a CTE `failed` with id, owner, task_uuid, salt, task. */
export const OWE_FAILURE_WEBHOOK = `
  insert into deliveries (owner, task_uuid, message_id, kind, url)
  select owner, task_uuid, 'msg_webhook_' || salt, 'webhook', task::json->>'webhookURL'
  from failed where task::json->>'webhookURL' is not null`;

/** Ends the task for good. Pictures finished before stay. False: the task is no longer this worker's. */
export async function failTask(db: Queryable, { id, attempt }: Fence, { error, death }: Failure): Promise<boolean> {
  const rows = await db.query(
    `with failed as (
       update tasks set state = 'failed', error = $3, failures = failures + 1, deaths = deaths + $4::int,
                        finished_at = now(), lease_until = null, worker = null, progress = null
       where id = $1 and attempt = $2 and state = 'running'
       returning id, owner, task_uuid, salt, task
     ), owed as (${OWE_FAILURE_WEBHOOK})
     select id from failed`,
    [id, attempt, JSON.stringify(error), death ? 1 : 0],
  );
  return rows.length > 0;
}

/** Puts the task back for another attempt after a pause; it keeps its turn. */
export async function retryTask(
  db: Queryable,
  { id, attempt }: Fence,
  { death }: Failure,
  pauseSeconds: number,
): Promise<boolean> {
  const rows = await db.query(
    `update tasks set state = 'queued', failures = failures + 1, deaths = deaths + $3::int,
                      not_before = now() + make_interval(secs => $4), lease_until = null, worker = null, progress = null
     where id = $1 and attempt = $2 and state = 'running' returning id`,
    [id, attempt, death ? 1 : 0, pauseSeconds],
  );
  return rows.length > 0;
}

/** Puts the task back at no cost: the worker is stopping. */
export async function handBackTask(db: Queryable, { id, attempt }: Fence): Promise<boolean> {
  const rows = await db.query(
    `update tasks set state = 'queued', not_before = now(), lease_until = null, worker = null, progress = null
     where id = $1 and attempt = $2 and state = 'running' returning id`,
    [id, attempt],
  );
  return rows.length > 0;
}

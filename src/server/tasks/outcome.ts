/**
 * Outcomes of an attempt: an image recorded, the task succeeded, failed, or returned for another attempt. Every
 * statement is fenced.
 */

import type { TaskErrorBody } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import { LEFT } from "./takeable.ts";
import type { TaskResult } from "./types.ts";

/** The fence of a worker's writes. */
export interface Fence {
  readonly id: string;
  readonly attempt: number;
}

/** An image whose file is already stored. */
export type NewResult = Omit<TaskResult, "createdAt"> & {
  readonly keepSeconds: number;
  /** The stored input images. Default: none. */
  readonly parents?: readonly string[];
};

/**
 * Records an image, the task that reproduces it (`parameters`, JSON text), and its webhook and upload. With `last`,
 * also records the success of the task. This is one fenced statement. `written` is false if the worker has lost the
 * task; nothing is then written. An image that an earlier attempt recorded stays unchanged and creates no second
 * delivery. `more`: other tasks may be waiting.
 */
export async function completeResult(
  db: Queryable,
  fence: Fence,
  result: NewResult & { readonly parameters: string },
  last: boolean,
): Promise<{ readonly written: boolean; readonly more: boolean }> {
  const [row] = await db.query<{ more: boolean }>(
    `with fence as (
       select id, owner, task_uuid, task::json as task from tasks
       where id = $1 and attempt = $2 and state = 'running' for update
     ), picture as (
       insert into images (image_uuid, owner, task_id, index, seed, output_format, file_name, content_type,
                           width, height, byte_length, cost, nsfw, skipped_steps, input_uuid,
                           parameters, parents, delete_at)
       select $4, owner, id, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
              $18, array(select jsonb_array_elements_text($19::jsonb)), now() + make_interval(secs => $17) from fence
       on conflict do nothing
       returning image_uuid
     ), prolonged as (
       -- images that clients brought stay as long as what was made from them
       update images set delete_at = greatest(delete_at, now() + make_interval(secs => $17))
       where owner = (select owner from fence) and index is null
         and image_uuid in (select jsonb_array_elements_text($19::jsonb))
     ), owed as (
       insert into deliveries (owner, task_uuid, message_id, kind, url, image_uuid)
       select f.owner, f.task_uuid, 'msg_' || d.kind || '_' || p.image_uuid, d.kind, d.url, p.image_uuid
       from fence f, picture p,
            lateral (values ('webhook', f.task->>'webhookURL'), ('upload', f.task->>'uploadEndpoint')) as d (kind, url)
       where d.url is not null
     ), done as (
       update tasks set state = 'succeeded', finished_at = now(), lease_until = null, worker = null, progress = null
       where $3::boolean and id in (select id from fence)
     )
     select not $3::boolean or exists (select 1 from tasks t where t.state = 'queued' and t.lane = 'pictures' and ${LEFT}) as more
     from fence`,
    [
      fence.id,
      fence.attempt,
      last,
      result.imageUUID,
      result.index,
      String(result.seed),
      result.outputFormat,
      result.fileName,
      result.contentType,
      result.width,
      result.height,
      result.byteLength,
      result.cost,
      result.NSFWContent ?? null,
      result.skippedSteps ?? null,
      result.inputImageUUID ?? null,
      result.keepSeconds,
      result.parameters,
      JSON.stringify(result.parents ?? []),
    ],
  );
  return { written: row !== undefined, more: row?.more ?? true };
}

/** Records the success of a task whose images were all recorded by earlier attempts. */
export async function markSucceeded(db: Queryable, { id, attempt }: Fence): Promise<boolean> {
  const rows = await db.query(
    `update tasks set state = 'succeeded', finished_at = now(), lease_until = null, worker = null, progress = null
     where id = $1 and attempt = $2 and state = 'running' returning id`,
    [id, attempt],
  );
  return rows.length > 0;
}

/** The failure of an attempt. */
export interface Failure {
  readonly error: TaskErrorBody;
  /** The engine process died. */
  readonly death: boolean;
}

/** Adds the webhook of a failed task. Follows a CTE `failed` with id, owner, task_uuid, salt, task. */
export const OWE_FAILURE_WEBHOOK = `
  insert into deliveries (owner, task_uuid, message_id, kind, url)
  select owner, task_uuid, 'msg_webhook_' || salt, 'webhook', task::json->>'webhookURL'
  from failed where task::json->>'webhookURL' is not null`;

/** Fails the task. Finished images are kept. False: the worker has lost the task. */
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

/** Returns the task for another attempt after a pause. It keeps its place in the queue. */
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

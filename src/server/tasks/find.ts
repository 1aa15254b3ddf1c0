import type { TaskErrorBody } from "../../protocol/index.ts";
import type { Queryable } from "../database/index.ts";
import type { Listeners } from "./lease.ts";
import { readTask } from "./stored-task.ts";
import type { DeliveryRecord, OwnerId, QueueCounts, TaskProgress, TaskRecord, TaskResult, TaskState } from "./types.ts";

/** A task with its internal number. */
export interface StoredTask {
  readonly id: string;
  readonly bodyHash: string;
  /** Cancelled because its client disconnected. */
  readonly abandoned: boolean;
  readonly listeners: Listeners;
  readonly record: TaskRecord;
}

/** Positions in the queue are counted up to this one. Tasks further behind report this position. */
export const FARTHEST_PLACE = 1_000;

/** One statement reads the row, its images and its position, so they are consistent. */
const SELECT_TASK = `
  select t.id::text, t.owner, t.task_uuid, t.body_hash, t.task, t.seed, t.state, t.abandoned, t.attempt, t.waiters, t.watchers,
         t.progress, t.error, t.created_at, t.started_at, t.finished_at, t.trace,
         case when t.state = 'queued' then (
           select count(*)::int from (
             select 1 from tasks q where q.state = 'queued' and q.lane = t.lane and (q.turn, q.id) < (t.turn, t.id)
             limit ${FARTHEST_PLACE}
           ) ahead
         ) end as place,
         (select json_agg(i order by i.index) from images i where i.task_id = t.id) as images
  from tasks t`;

/** Finds an owner's task by its taskUUID. */
export async function findTask(db: Queryable, owner: OwnerId, taskUUID: string): Promise<StoredTask | undefined> {
  const rows = await db.query<TaskRow>(`${SELECT_TASK} where t.owner = $1 and t.task_uuid = $2`, [owner, taskUUID]);
  return rows[0] && readRow(rows[0]);
}

/** Finds a task by its number. */
export async function findTaskById(db: Queryable, id: string): Promise<StoredTask | undefined> {
  const rows = await db.query<TaskRow>(`${SELECT_TASK} where t.id = $1`, [id]);
  return rows[0] && readRow(rows[0]);
}

/**
 * The owner's tasks in these states with their requests, newest first. With `before`, only tasks with a lower number.
 */
export async function findTasks(
  db: Queryable,
  owner: OwnerId,
  states: readonly TaskState[],
  limit: number,
  before: string | undefined,
): Promise<readonly (StoredTask & { readonly request: string })[]> {
  const rows = await db.query<TaskRow & { request: string }>(
    `${SELECT_TASK.replace("select", "select t.request,")}
     where t.owner = $1 and t.state = any($2::text[]) and ($4::bigint is null or t.id < $4::bigint)
     order by t.id desc limit $3`,
    [owner, states, limit, before ?? null],
  );
  return rows.map((row) => ({ ...readRow(row), request: row.request }));
}

/** The taskUUIDs of the owner's unfinished tasks. */
export async function findUnfinished(db: Queryable, owner: OwnerId): Promise<readonly string[]> {
  const rows = await db.query<{ task_uuid: string }>(
    "select task_uuid from tasks where owner = $1 and state in ('queued', 'running') order by id",
    [owner],
  );
  return rows.map(({ task_uuid }) => task_uuid);
}

/** The task as received, as JSON text. It is large if it contains images, so read it only for replies. */
export async function findRequest(db: Queryable, owner: OwnerId, taskUUID: string): Promise<string | undefined> {
  const rows = await db.query<{ request: string }>("select request from tasks where owner = $1 and task_uuid = $2", [
    owner,
    taskUUID,
  ]);
  return rows[0]?.request;
}

interface TaskRow {
  id: string;
  owner: string;
  task_uuid: string;
  body_hash: string;
  task: string;
  seed: string;
  state: TaskState;
  abandoned: boolean;
  attempt: number;
  waiters: string[];
  watchers: string[];
  progress: string | null;
  error: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  trace: string | null;
  place: number | null;
  images: ImageRow[] | null;
}

interface ImageRow {
  image_uuid: string;
  index: number;
  seed: string;
  output_format: TaskResult["outputFormat"];
  file_name: string;
  content_type: string;
  width: number;
  height: number;
  byte_length: number;
  cost: number;
  nsfw: boolean | null;
  skipped_steps: number | null;
  input_uuid: string | null;
  created_at: string;
}

function readRow(row: TaskRow): StoredTask {
  const running = row.state === "running";
  const task = readTask(row.task);
  return {
    id: row.id,
    bodyHash: row.body_hash,
    abandoned: row.abandoned,
    listeners: { waiters: row.waiters, watchers: row.watchers },
    record: {
      owner: row.owner,
      // As the client wrote it. The column has it in lower case.
      taskUUID: task.taskUUID,
      state: row.state,
      task,
      seed: BigInt(row.seed),
      results: (row.images ?? []).map(readImage),
      attempt: row.attempt,
      createdAt: row.created_at,
      ...(row.state === "failed" && row.error !== null && { error: JSON.parse(row.error) as TaskErrorBody }),
      ...(running && row.progress !== null && { progress: JSON.parse(row.progress) as TaskProgress }),
      ...(row.place !== null && { place: row.place }),
      ...(row.started_at && { startedAt: row.started_at }),
      ...(row.finished_at && { finishedAt: row.finished_at }),
      ...(row.trace !== null && { trace: row.trace }),
    },
  };
}

function readImage(row: ImageRow): TaskResult {
  return {
    index: row.index,
    imageUUID: row.image_uuid,
    seed: BigInt(row.seed),
    outputFormat: row.output_format,
    fileName: row.file_name,
    contentType: row.content_type,
    width: row.width,
    height: row.height,
    byteLength: row.byte_length,
    cost: row.cost,
    ...(row.nsfw !== null && { NSFWContent: row.nsfw }),
    ...(row.skipped_steps !== null && { skippedSteps: row.skipped_steps }),
    ...(row.input_uuid !== null && { inputImageUUID: row.input_uuid }),
    createdAt: new Date(row.created_at),
  };
}

/** The webhook calls and uploads of a task, oldest first. */
export async function findDeliveries(
  db: Queryable,
  owner: OwnerId,
  taskUUID: string,
): Promise<readonly DeliveryRecord[]> {
  const rows = await db.query<DeliveryRow>(
    `select kind, url, image_uuid, state, attempts, last_error,
            greatest(next_attempt_at, created_at) as next_attempt_at from deliveries
     where owner = $1 and task_uuid = $2 order by id`,
    [owner, taskUUID],
  );
  return rows.map((row) => ({
    kind: row.kind,
    target: withoutSecrets(row.url),
    ...(row.image_uuid !== null && { imageUUID: row.image_uuid }),
    state: row.state,
    attempts: row.attempts,
    ...(row.last_error !== null && { lastError: row.last_error }),
    ...(row.state === "pending" && { nextAttemptAt: row.next_attempt_at }),
  }));
}

/** Removes secrets: presigned addresses carry them in the query, others in the user part. */
function withoutSecrets(address: string): string {
  const url = new URL(address);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

interface DeliveryRow {
  kind: DeliveryRecord["kind"];
  url: string;
  image_uuid: string | null;
  state: DeliveryRecord["state"];
  attempts: number;
  last_error: string | null;
  next_attempt_at: Date;
}

/** Counts waiting and running tasks. */
export async function countTasks(db: Queryable): Promise<QueueCounts> {
  const rows = await db.query<{ queued: number; running: number }>(
    `select (select count(*)::int from tasks where state = 'queued') as queued,
            (select count(*)::int from tasks where state = 'running') as running`,
  );
  return rows[0]!;
}

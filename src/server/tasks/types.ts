/** The vocabulary of a task's life: what is asked of the task service and what it tells. No I/O here. */

import type { ModelUploadTask, PictureTask, QueuedTask, TaskErrorBody, UploadStage } from "../../protocol/index.ts";
import type { PacedModel } from "./pace.ts";

/** Whose task it is: the id of the API key it came with (never the key itself). A taskUUID is unique per owner. */
export type OwnerId = string;

/** Tasks of different lanes do not wait for each other. */
export type Lane = "pictures" | "uploads";

/** What waits in each lane. */
export interface TaskOf {
  readonly pictures: PictureTask;
  readonly uploads: ModelUploadTask;
}

export type TaskState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** States that never change again. */
export type FinalState = Extract<TaskState, "succeeded" | "failed" | "cancelled">;

/** One finished picture. Its bytes are in `storage` under `imageUUID`; the URL is made from the public base and `fileName`. */
export interface TaskResult {
  /** Position within the task, 0 … numberResults-1. */
  readonly index: number;
  readonly imageUUID: string;
  readonly seed: bigint;
  readonly outputFormat: "JPG" | "PNG" | "WEBP" | "SVG";
  /** `<imageUUID>.<jpg|png|webp|svg>`: the last part of the image's URL and its name in storage. */
  readonly fileName: string;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  /** US dollars by the model card's formula; always recorded, shown only with `includeCost`. */
  readonly cost: number;
  /** Present only when a safety check ran. */
  readonly NSFWContent?: boolean;
  /** Steps that a step cache answered; present only when one was on. */
  readonly skippedSteps?: number;
  /** Of a guide image: the stored image that it was made of. */
  readonly inputImageUUID?: string;
  readonly createdAt: Date;
}

/** How far a running task is. */
export type TaskProgress = DrawProgress | UploadProgress;

/** `percentage` covers all pictures of the task, 0 … 100. */
export interface DrawProgress {
  /** Picture being drawn, from 0, of `images`. */
  readonly image: number;
  readonly images: number;
  readonly step: number;
  readonly steps: number;
  readonly percentage: number;
}

export interface UploadProgress {
  /** The last stage that was reached. */
  readonly stage: UploadStage;
  /** Of the download, 0 … 100; 0 where its length is not known beforehand. */
  readonly percentage: number;
}

/** A task as it stands. A snapshot: it does not change under its reader. */
export interface TaskRecord<Task extends QueuedTask = QueuedTask> {
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly state: TaskState;
  readonly task: Task;
  /** Seed of the first picture: the client's, or the one drawn when the task was accepted. */
  readonly seed: bigint;
  /** In order of `index`; grows while the task runs. A failed task keeps what it finished. */
  readonly results: readonly TaskResult[];
  /** Why it failed; only in state `failed`. */
  readonly error?: TaskErrorBody;
  /** Last known progress; only in state `running`. */
  readonly progress?: TaskProgress;
  /** Times a worker has started it, 0 while first queued. */
  readonly attempt: number;
  /** Tasks to be started before this one; only in state `queued`. */
  readonly place?: number;
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly finishedAt?: Date;
  /** `traceparent` of what handed it in, where traces are collected. */
  readonly trace?: string;
}

/** What a client sent, checked. */
export interface Submission {
  readonly task: QueuedTask;
  /** The task object as received, as JSON text. */
  readonly request: string;
  /** Tasks of its owner that may wait, where that is not the share that all owners have. */
  readonly mostWaiting?: number | undefined;
  /** `traceparent` of what hands it in, where traces are collected. */
  readonly trace?: string | undefined;
}

export type SubmitOutcome =
  /** A new task: its row is committed. */
  | { readonly kind: "accepted"; readonly record: TaskRecord }
  /** The same owner sent the same body under this taskUUID before: no new work, attach to this one. */
  | { readonly kind: "known"; readonly record: TaskRecord }
  /** The taskUUID is taken by a different body: answer `conflictTaskUUID`. */
  | { readonly kind: "conflict" }
  /** Too many tasks are waiting, of all owners or of this one: answer 429. */
  | { readonly kind: "queueFull"; readonly waiting: number; readonly retryAfterSeconds: number };

/** What a subscriber hears. After `final` nothing follows. */
export type TaskEvent =
  | { readonly type: "queued"; readonly place: number }
  | { readonly type: "started"; readonly attempt: number }
  | ({ readonly type: "progress" } & TaskProgress)
  | { readonly type: "result"; readonly result: TaskResult }
  | { readonly type: "final"; readonly record: TaskRecord };

/** What somebody hears who follows all tasks of an owner. */
export type FollowEvent = TaskEvent | ({ readonly type: "preview" } & TaskPreview);

/** What a picture looks like so far. */
export interface TaskPreview {
  readonly image: number;
  readonly step: number;
  readonly steps: number;
  /** A small WEBP, as data URI. */
  readonly dataURI: string;
}

export type DeliveryKind = "webhook" | "upload";

/** A webhook call or upload of a task as it stands, for getTaskDetails. */
export interface DeliveryRecord {
  readonly kind: DeliveryKind;
  /** Target without its query and credentials, which may hold secrets. */
  readonly target: string;
  /** The picture it is about; absent for the webhook that tells of a failure. */
  readonly imageUUID?: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly attempts: number;
  readonly lastError?: string;
  readonly nextAttemptAt?: Date;
}

export interface QueueCounts {
  readonly queued: number;
  readonly running: number;
}

/** Which tasks of an owner are asked for. */
export interface TaskQuery {
  readonly states: readonly TaskState[];
  readonly limit: number;
  /** Where the page before ended. */
  readonly cursor?: string | undefined;
}

export interface TaskPage {
  readonly tasks: readonly { readonly record: TaskRecord; readonly request: string }[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string | undefined;
}

/** The life of tasks, as the HTTP side sees it. */
export interface TaskService {
  /** Stores the task durably (the row is committed when this resolves) and wakes a worker. */
  submit(owner: OwnerId, submission: Submission): Promise<SubmitOutcome>;
  /** The task as it stands, or undefined when this owner has none by that id (or it has expired). */
  get(owner: OwnerId, taskUUID: string): Promise<TaskRecord | undefined>;
  /**
   * Resolves with the task once it is final; undefined when there is none. Rejects with the signal's reason when
   * aborted: the task goes on.
   */
  waitForFinal(owner: OwnerId, taskUUID: string, signal?: AbortSignal): Promise<TaskRecord | undefined>;
  /**
   * Stops the task: a queued one never starts, a running one stops within a step. Idempotent; a final task stays as it
   * is. Resolves with the task as it then stands, or undefined when there is none.
   */
  cancel(owner: OwnerId, taskUUID: string): Promise<TaskRecord | undefined>;
  /**
   * Cancels the task because its client has gone away, not because anybody wanted it: when the same task is submitted again
   * it is a new one, unless a delivery of it is still open.
   */
  abandon(owner: OwnerId, taskUUID: string): Promise<void>;
  /**
   * Tells `listener` where the task stands now (its results so far included) and then whatever happens to it. Returns
   * the function that ends the subscription, which also ends by itself after `final`. Resolves with undefined when
   * there is no such task.
   */
  subscribe(owner: OwnerId, taskUUID: string, listener: (event: TaskEvent) => void): Promise<(() => void) | undefined>;
  /** The owner's tasks, newest first. Throws `RangeError` for a cursor that is none. */
  list(owner: OwnerId, query: TaskQuery): Promise<TaskPage>;
  /** Cancels the owner's tasks that wait, and leaves those that run; how many there were. */
  cancelQueued(owner: OwnerId): Promise<number>;
  /**
   * Tells `listener` whatever happens to any of the owner's unfinished tasks, present and future ones, until the function that is
   * returned is called. With `previews`, also what the pictures look like while they are drawn.
   */
  follow(
    owner: OwnerId,
    listener: (taskUUID: string, event: FollowEvent) => void,
    previews: boolean,
  ): Promise<() => void>;
  /** The task as the client sent it, as JSON text (seeds keep all their digits); undefined when there is none. */
  request(owner: OwnerId, taskUUID: string): Promise<string | undefined>;
  /** Webhook calls and uploads of a task. */
  deliveries(owner: OwnerId, taskUUID: string): Promise<readonly DeliveryRecord[]>;
  /** Seconds for each unit of `workOf`, by what this model has drawn in the time that tasks are kept; undefined when it has drawn nothing. */
  pace(model: PacedModel): Promise<number | undefined>;
  /** How many tasks wait and run, over all owners. */
  counts(): Promise<QueueCounts>;
}

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

/** The types of a task's life: input and output of the task service. No I/O here. */

import type { ModelUploadTask, PictureTask, QueuedTask, TaskErrorBody, UploadStage } from "../../protocol/index.ts";
import type { PacedModel } from "./pace.ts";

/** The owner of a task: the id of its API key, never the key itself. A taskUUID is unique per owner. */
export type OwnerId = string;

/** Tasks of different lanes do not wait for each other. */
export type Lane = "pictures" | "uploads";

/** The task types of each lane. */
export interface TaskOf {
  readonly pictures: PictureTask;
  readonly uploads: ModelUploadTask;
}

export type TaskState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** States that never change again. */
export type FinalState = Extract<TaskState, "succeeded" | "failed" | "cancelled">;

/**
 * One finished image. Its bytes are in `storage` under `imageUUID`. Its URL consists of the public base and `fileName`.
 */
export interface TaskResult {
  /** Position within the task, 0 … numberResults-1. */
  readonly index: number;
  readonly imageUUID: string;
  readonly seed: bigint;
  readonly outputFormat: "JPG" | "PNG" | "WEBP" | "SVG";
  /** `<imageUUID>.<jpg|png|webp|svg>`: the last part of the image's URL, and its name in storage. */
  readonly fileName: string;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  /** US dollars by the formula of the model's card. Always recorded, shown only with `includeCost`. */
  readonly cost: number;
  /** Present only when a safety check ran. */
  readonly NSFWContent?: boolean;
  /** Steps that a step cache skipped. Present only if a cache was on. */
  readonly skippedSteps?: number;
  /** The stored input image of a guide image. */
  readonly inputImageUUID?: string;
  readonly createdAt: Date;
}

/** The progress of a running task. */
export type TaskProgress = DrawProgress | UploadProgress;

/** `percentage` covers all images of the task, 0 … 100. */
export interface DrawProgress {
  /** The current image, from 0, of `images`. */
  readonly image: number;
  readonly images: number;
  readonly step: number;
  readonly steps: number;
  readonly percentage: number;
}

export interface UploadProgress {
  /** The last finished stage. */
  readonly stage: UploadStage;
  /** Percentage of the download, 0 … 100; 0 if its length is not known in advance. */
  readonly percentage: number;
}

/** A snapshot of a task. It does not change. */
export interface TaskRecord<Task extends QueuedTask = QueuedTask> {
  readonly owner: OwnerId;
  readonly taskUUID: string;
  readonly state: TaskState;
  readonly task: Task;
  /** Seed of the first image: the client's, or the random one of a task without a seed. */
  readonly seed: bigint;
  /** In order of `index`. Grows while the task runs. A failed task keeps its finished images. */
  readonly results: readonly TaskResult[];
  /** The reason of the failure; only in state `failed`. */
  readonly error?: TaskErrorBody;
  /** Last known progress; only in state `running`. */
  readonly progress?: TaskProgress;
  /** Number of starts; 0 before the first. */
  readonly attempt: number;
  /** Tasks that start before this one; only in state `queued`. */
  readonly place?: number;
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly finishedAt?: Date;
  /** The `traceparent` of the request that submitted it, if traces are collected. */
  readonly trace?: string;
}

/** A validated task of a client. */
export interface Submission {
  readonly task: QueuedTask;
  /** The task object as received, as JSON text. */
  readonly request: string;
  /** Waiting tasks that its owner may have, if this differs from the common share. */
  readonly mostWaiting?: number | undefined;
  /** The `traceparent` of the request, if traces are collected. */
  readonly trace?: string | undefined;
}

export type SubmitOutcome =
  /** A new task. Its row is committed. */
  | { readonly kind: "accepted"; readonly record: TaskRecord }
  /** The owner has sent the same body under this taskUUID before. No new work: attach to that task. */
  | { readonly kind: "known"; readonly record: TaskRecord }
  /** The taskUUID belongs to a different body: answer `conflictTaskUUID`. */
  | { readonly kind: "conflict" }
  /** Too many tasks are waiting, of all owners or of this owner: answer 429. */
  | { readonly kind: "queueFull"; readonly waiting: number; readonly retryAfterSeconds: number };

/** An event for a subscriber. `final` is the last one. */
export type TaskEvent =
  | { readonly type: "queued"; readonly place: number }
  | { readonly type: "started"; readonly attempt: number }
  | ({ readonly type: "progress" } & TaskProgress)
  | { readonly type: "result"; readonly result: TaskResult }
  | { readonly type: "final"; readonly record: TaskRecord };

/** An event for a follower of all tasks of an owner. */
export type FollowEvent = TaskEvent | ({ readonly type: "preview" } & TaskPreview);

/** A preview of an unfinished image. */
export interface TaskPreview {
  readonly image: number;
  readonly step: number;
  readonly steps: number;
  /** A small WEBP as a data URI. */
  readonly dataURI: string;
}

export type DeliveryKind = "webhook" | "upload";

/** The state of a webhook call or upload, for getTaskDetails. */
export interface DeliveryRecord {
  readonly kind: DeliveryKind;
  /** The address without its query and credentials, which may contain secrets. */
  readonly target: string;
  /** The image of the delivery; absent for the webhook of a failure. */
  readonly imageUUID?: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly attempts: number;
  readonly lastError?: string;
  readonly nextAttemptAt?: Date;
}

/** A checkpoint in the memory of a worker. */
export interface ModelInMemory {
  readonly air: string;
  readonly state: "loading" | "ready";
}

export interface QueueCounts {
  readonly queued: number;
  readonly running: number;
}

/** A search over the tasks of an owner. */
export interface TaskQuery {
  readonly states: readonly TaskState[];
  readonly limit: number;
  /** The end of the previous page. */
  readonly cursor?: string | undefined;
}

export interface TaskPage {
  readonly tasks: readonly { readonly record: TaskRecord; readonly request: string }[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string | undefined;
}

/** The life of tasks, from the side of HTTP. */
export interface TaskService {
  /** Stores the task durably and wakes a worker. The row is committed when this resolves. */
  submit(owner: OwnerId, submission: Submission): Promise<SubmitOutcome>;
  /** The current state of a task; undefined if it does not exist, belongs to another owner or has expired. */
  get(owner: OwnerId, taskUUID: string): Promise<TaskRecord | undefined>;
  /**
   * Resolves with the task when it is final; undefined if it does not exist. Rejects with the signal's reason when
   * aborted; the task continues.
   * @param task its taskUUID, or the record that `submit` returned, which saves a read
   */
  waitForFinal(owner: OwnerId, task: string | TaskRecord, signal?: AbortSignal): Promise<TaskRecord | undefined>;
  /**
   * Cancels the task. A queued task never starts, a running one stops within a step. Idempotent: a final task stays
   * unchanged. Resolves with the task, or undefined if it does not exist.
   */
  cancel(owner: OwnerId, taskUUID: string): Promise<TaskRecord | undefined>;
  /**
   * Cancels the task because its client disconnected. The same task can then be submitted again as a new one, unless it
   * has a pending delivery.
   */
  abandon(owner: OwnerId, taskUUID: string): Promise<void>;
  /**
   * Calls `listener` with the current state, including results, and then with every event. Returns the function that
   * ends the subscription. The subscription also ends after `final`. Resolves with undefined if the task does not
   * exist.
   */
  subscribe(owner: OwnerId, taskUUID: string, listener: (event: TaskEvent) => void): Promise<(() => void) | undefined>;
  /** The owner's tasks, newest first. Throws `RangeError` for an invalid cursor. */
  list(owner: OwnerId, query: TaskQuery): Promise<TaskPage>;
  /** Cancels the owner's waiting tasks and returns their number. Running tasks continue. */
  cancelQueued(owner: OwnerId): Promise<number>;
  /**
   * Calls `listener` with every event of the owner's unfinished tasks, including later ones, until the returned
   * function is called. With `previews`, includes previews of images.
   */
  follow(
    owner: OwnerId,
    listener: (taskUUID: string, event: FollowEvent) => void,
    previews: boolean,
  ): Promise<() => void>;
  /** The task as received, as JSON text (seeds keep all digits); undefined if it does not exist. */
  request(owner: OwnerId, taskUUID: string): Promise<string | undefined>;
  /** Webhook calls and uploads of a task. */
  deliveries(owner: OwnerId, taskUUID: string): Promise<readonly DeliveryRecord[]>;
  /** Seconds per unit of `workOf`, from the tasks of this model that are still stored; undefined without any. */
  pace(model: PacedModel): Promise<number | undefined>;
  /** The number of waiting and running tasks of all owners. */
  counts(): Promise<QueueCounts>;
}

/**
 * The allowed transitions of a task. `running → queued` is a retry, a lost worker, or a worker that stops. Every
 * statement that changes the state names the previous state, and for a worker the attempt.
 */
export const MOVES: Readonly<Record<TaskState, readonly TaskState[]>> = {
  queued: ["running", "cancelled"],
  running: ["succeeded", "failed", "cancelled", "queued"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** True if the state never changes again. */
export const isFinal = (state: TaskState): state is FinalState => MOVES[state].length === 0;

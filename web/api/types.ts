/** The parts of the API's replies that the page reads. The reference is at /docs. */

import type { JsonObject } from "./json.ts";

/** A task without its identity and delivery: the parameters that a user sets. Its keys are those of the API. */
export interface Parameters extends JsonObject {
  readonly model?: string;
  readonly positivePrompt?: string;
  readonly negativePrompt?: string;
  readonly width?: number;
  readonly height?: number;
  readonly seed?: number | bigint;
  readonly steps?: number;
  readonly scheduler?: string;
  readonly CFGScale?: number;
  readonly numberResults?: number;
  readonly inputs?: {
    readonly seedImage?: string;
    readonly maskImage?: string;
    readonly strength?: number;
    readonly referenceImages?: readonly string[];
  };
  readonly maskMargin?: number;
  readonly outpaint?: Outpaint;
  readonly lora?: readonly Adapter[];
  readonly controlNet?: readonly Guide[];
}

export interface Outpaint extends JsonObject {
  readonly top?: number;
  readonly right?: number;
  readonly bottom?: number;
  readonly left?: number;
  readonly blur?: number;
}

export interface Adapter extends JsonObject {
  readonly model: string;
  readonly weight?: number;
}

export interface Guide extends JsonObject {
  readonly model: string;
  readonly guideImage: string;
  readonly weight?: number;
}

/** An image of the gallery. */
export interface Picture {
  readonly imageUUID: string;
  readonly imageURL: string;
  readonly thumbnailURL: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly kind: "drawn" | "derived" | "upload";
  readonly createdAt: string;
  /** Null: kept without a limit. */
  readonly expiresAt: string | null;
  readonly starred: boolean;
  readonly taskUUID?: string;
  readonly index?: number;
  readonly seed?: number | bigint;
  readonly parameters?: Parameters;
  /** The images that it was made from. */
  readonly parents: readonly string[];
  readonly NSFWContent?: boolean;
}

export interface Page<Item> {
  readonly data: readonly Item[];
  /** Cursor of the next page; absent on the last one. */
  readonly next?: string;
}

export type TaskState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface Progress {
  /** The running image of the task, from 0. */
  readonly image: number;
  readonly images: number;
  readonly step: number;
  readonly steps: number;
  readonly percentage: number;
}

/** A task of the queue. */
export interface TaskItem {
  readonly taskUUID: string;
  readonly taskType: string;
  readonly state: TaskState;
  readonly createdAt: string;
  readonly queuePosition?: number;
  readonly progress?: Progress;
  readonly request: JsonObject;
  readonly results: readonly Picture[];
  readonly error?: ErrorItem;
}

export interface ErrorItem {
  readonly code: string;
  readonly message: string;
  readonly parameter?: string | readonly string[];
  readonly retryAfter?: number;
  readonly taskUUID?: string;
}

/** An installed model, LoRA or ControlNet. */
export interface Model {
  readonly air: string;
  readonly name: string;
  readonly category: "checkpoint" | "lora" | "controlnet";
  readonly aliases?: readonly string[];
  readonly comment?: string;
  /** `op:edit`, `op:inpaint` … */
  readonly capabilities?: readonly string[];
  readonly license?: string;
  readonly bytes?: number;
  readonly maxPixels?: number;
  readonly trainedSizes?: readonly (readonly [number, number])[];
  readonly defaultWidth?: number;
  readonly defaultHeight?: number;
  readonly defaultSteps?: number;
  readonly defaultCFG?: number;
  readonly defaultWeight?: number;
  readonly conditioning?: string;
  /** Number of reference images that a checkpoint accepts. */
  readonly references?: { readonly min: number; readonly max: number };
  readonly positiveTriggerWords?: string;
}

export interface Status {
  readonly version: string;
  /** False when the server does not accept tasks; `reason` explains it. */
  readonly ready: boolean;
  readonly reason?: string;
  readonly device?: string;
  readonly model?: { readonly air: string; readonly state: "loading" | "ready" };
  readonly queue: { readonly waiting: number; readonly running: number; readonly limit: number };
  readonly storage: {
    readonly pictures: number;
    readonly bytes: number;
    readonly binned: number;
    readonly freeBytes?: number;
    readonly full: boolean;
  };
  /** Address of the server for other machines. */
  readonly addresses: readonly string[];
  readonly caller: { readonly name: string };
}

/** Messages about tasks to a watching socket. */
export type TaskEvent = { readonly taskType: "watch"; readonly taskUUID: string } & (
  | { readonly event: "queued"; readonly queuePosition: number }
  | { readonly event: "started"; readonly attempt: number }
  | ({ readonly event: "progress" } & Progress)
  | { readonly event: "preview"; readonly image: number; readonly step: number; readonly imageDataURI: string }
  | { readonly event: "result"; readonly picture: Picture }
  | { readonly event: "final"; readonly state: TaskState; readonly error?: ErrorItem }
);

/** Messages about images and models to a watching socket, also for changes by other clients. */
export type OtherEvent = { readonly taskType: "watch" } & (
  | { readonly event: "picture"; readonly picture: Picture }
  | { readonly event: "gone"; readonly imageUUIDs: readonly string[] }
  | { readonly event: "models" }
);

export type WatchEvent = TaskEvent | OtherEvent;

/** What the HTTP side asks of the rest of the server. The composition root plugs the real things in. */

import type { ModelCatalogue } from "../../models/index.ts";
import type { Log } from "../log.ts";
import type { Gallery, ImageStore, Thumbnails } from "../storage/index.ts";
import type { OwnerId, TaskService } from "../tasks/index.ts";
import type { Tracer } from "../tracing/index.ts";
import type { KeyRing } from "./api-keys.ts";
import type { Later } from "./later.ts";
import type { HttpMetrics } from "./metrics.ts";

/** Images that clients bring. */
export interface Uploads {
  /**
   * Checks and stores an image given as data URI, base64 or URL. Throws a `TaskError` that names the parameter, or the
   * signal's reason when it is aborted before the image is there.
   */
  store(owner: OwnerId, parameter: string, image: string, signal: AbortSignal): Promise<UploadedImage>;
  /** Deletes one of the owner's images; false when there is none by that UUID. */
  remove(owner: OwnerId, imageUUID: string): Promise<boolean>;
  /**
   * Checks and stores an image that was inside a request, under the imageUUID that stands in its place. As an upload it is kept
   * like one; else for as long as its task. Throws a `TaskError` that names the parameter.
   */
  keep(
    owner: OwnerId,
    parameter: string,
    imageUUID: string,
    bytes: Uint8Array,
    asUpload?: boolean,
  ): Promise<UploadedImage>;
}

export interface UploadedImage {
  readonly imageUUID: string;
  readonly fileName: string;
}

/** What happens beside tasks. */
export type News =
  /** Pictures that have come or changed, or (`gone`) are listed no more. */
  | { readonly type: "pictures"; readonly imageUUIDs: readonly string[]; readonly gone: boolean }
  /** The list of models is another one. */
  | { readonly type: "models" };

export interface NewsPort {
  /** Tells what concerns an owner, until the function returned is called. */
  listen(owner: OwnerId, listener: (news: News) => void): () => void;
}

/** Whether the server can take tasks, and why not. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string | undefined;
  /** The disk is full: what ends by deleting. */
  readonly full?: boolean;
  /** Where images are drawn, one engine each; empty where others draw. */
  readonly devices: readonly DeviceReport[];
}

export interface DeviceReport {
  readonly name: string;
  /** How it was opened, in one line. */
  readonly note?: string;
  /** Why it cannot be used at the moment. */
  readonly trouble?: string;
}

export interface ModelInMemory {
  readonly air: string;
  readonly state: "loading" | "ready";
}

/** The limits and choices of the HTTP side; times are in seconds. */
export interface HttpSettings {
  /** A `worker` answers what its operator asks, and nothing else. */
  readonly role?: "all" | "api" | "worker";
  readonly publicUrl?: string;
  /** Where it listens. */
  readonly host?: string;
  /** Whether headers of a proxy say how clients reach the server. */
  readonly trustProxy: boolean;
  /** Origins whose pages may call with a key, beside those of loopback. */
  readonly allowedOrigins: readonly string[];
  /** Address of the bucket as clients reach it; image URLs then lead there. */
  readonly imageUrl?: string;
  readonly maxTasks: number;
  /** Tasks that may wait. */
  readonly maxQueue: number;
  readonly maxBodyBytes: number;
  /** Of an input image. */
  readonly maxImagePixels: number;
  readonly maxConnections: number;
  /** Megabytes of bodies that one key may be sending at the same time. */
  readonly keyUploadMB: number;
  readonly requestTimeout: number;
  readonly syncTimeout: number;
  readonly sendTimeout: number;
  readonly idleTimeout: number;
  readonly sessionBuffer: number;
  readonly cancelOnHangUp: boolean;
}

/** What a task that there is room for may take. */
export interface Admission {
  /** Tasks of its owner that may wait, where that is not the share that all owners have. */
  readonly mostWaiting?: number | undefined;
}

/** Everything that the HTTP side works with. */
export interface HttpPorts {
  readonly settings: HttpSettings;
  readonly tasks: TaskService;
  /** Asked before a task is handed in. Rejects with the reason why nothing of this owner is taken: no room, or the server is stopping. */
  admit(owner: OwnerId, taskUUID: string): Promise<Admission>;
  /** `addressOf` only where clients are sent to the bucket instead of being served from here. */
  readonly images: Pick<ImageStore, "read"> & Partial<Pick<ImageStore, "open" | "addressOf">>;
  readonly thumbnails: Thumbnails;
  readonly gallery: Gallery;
  readonly uploads: Uploads;
  readonly news: NewsPort;
  readonly models: ModelCatalogue;
  /** Whether results may be sent to an address, as far as its name alone tells. */
  mayName(url: string): boolean;
  readonly keys: KeyRing;
  readonly metrics: HttpMetrics;
  readonly log: Log;
  /** Absent: nobody collects traces. */
  readonly tracer?: Tracer | undefined;
  readiness(): Promise<Readiness>;
  /** Where networks run, in words. */
  device(): string;
  /** The model that this process has in memory, or is loading; undefined when there is none, or workers are elsewhere. */
  inMemory(): Promise<ModelInMemory | undefined>;
  /** Bytes that are free where pictures are stored; undefined when that is unknown. */
  freeBytes(): Promise<number | undefined>;
  /** The folder of the built page; absent: it is not served. */
  readonly pageFolder?: string | undefined;
  /** The folder of the built documentation; absent: it is not served. */
  readonly docsFolder?: string | undefined;
  /** For whatever waits for a client: how long one may be away, silent, or unproved. */
  readonly later: Later;
  /** Aborted when the server stops and waits for nobody any more. */
  readonly stopping: AbortSignal;
}

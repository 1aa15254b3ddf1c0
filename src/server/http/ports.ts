/** The interface of the HTTP side to the rest of the server. The composition root supplies the implementations. */

import type { ModelCatalogue } from "../../models/index.ts";
import type { Log } from "../log.ts";
import type { Gallery, ImageStore, Thumbnails } from "../storage/index.ts";
import type { ModelInMemory, OwnerId, TaskService } from "../tasks/index.ts";
import type { Tracer } from "../tracing/index.ts";
import type { KeyRing } from "./api-keys.ts";
import type { Later } from "./later.ts";
import type { HttpMetrics } from "./metrics.ts";

/** Images that clients upload. */
export interface Uploads {
  /**
   * Checks and stores an image given as data URI, base64 or URL. Throws a `TaskError` with the parameter, or the
   * signal's reason if it is aborted before the image is stored.
   */
  store(owner: OwnerId, parameter: string, image: string, signal: AbortSignal): Promise<UploadedImage>;
  /** Deletes an owner's image; false if it does not exist. */
  remove(owner: OwnerId, imageUUID: string): Promise<boolean>;
  /**
   * Checks and stores an image from a request under the imageUUID that replaces it. An upload is kept like other
   * uploads, an input as long as its task. Throws a `TaskError` with the parameter.
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

/** Events other than those of tasks. */
export type News =
  /** Images were added or changed, or are no longer listed (`gone`). */
  | { readonly type: "pictures"; readonly imageUUIDs: readonly string[]; readonly gone: boolean }
  /** The list of models has changed. */
  | { readonly type: "models" };

export interface NewsPort {
  /** Reports events of an owner until the returned function is called. */
  listen(owner: OwnerId, listener: (news: News) => void): () => void;
}

/** True if the server can accept tasks, otherwise with the reason. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string | undefined;
  /** The disk is full, so that deleting images helps. */
  readonly full?: boolean;
  /** The devices, one engine each. Empty if other processes generate. */
  readonly devices: readonly DeviceReport[];
}

export interface DeviceReport {
  readonly name: string;
  /** How the device was opened, on one line. */
  readonly note?: string;
  /** The reason why the device cannot be used at the moment. */
  readonly trouble?: string;
}

/** The limits and options of the HTTP side. Times are in seconds. */
export interface HttpSettings {
  /** A `worker` answers only the requests of operators. */
  readonly role?: "all" | "api" | "worker";
  readonly publicUrl?: string;
  /** The address it listens on. */
  readonly host?: string;
  /** True if headers of a proxy give the public address of the server. */
  readonly trustProxy: boolean;
  /** Origins whose pages may call with a key, in addition to those of loopback. */
  readonly allowedOrigins: readonly string[];
  /** Public address of the bucket. Image URLs then begin with it. */
  readonly imageUrl?: string;
  readonly maxTasks: number;
  /** Most waiting tasks. */
  readonly maxQueue: number;
  readonly maxBodyBytes: number;
  /** Most pixels of an input image. */
  readonly maxImagePixels: number;
  readonly maxConnections: number;
  /** Most megabytes of bodies that one key may send at the same time. */
  readonly keyUploadMB: number;
  readonly requestTimeout: number;
  readonly syncTimeout: number;
  readonly sendTimeout: number;
  readonly idleTimeout: number;
  readonly sessionBuffer: number;
  readonly cancelOnHangUp: boolean;
}

/** The limits of an admitted task. */
export interface Admission {
  /** Waiting tasks that its owner may have, if this differs from the common share. */
  readonly mostWaiting?: number | undefined;
}

/** The dependencies of the HTTP side. */
export interface HttpPorts {
  readonly settings: HttpSettings;
  readonly tasks: TaskService;
  /**
   * Called before a task is submitted. Rejects with the reason to refuse it: storage is full, or the server is
   * stopping.
   */
  admit(owner: OwnerId, taskUUID: string): Promise<Admission>;
  /** `addressOf` is present only if clients are redirected to the bucket. */
  readonly images: Pick<ImageStore, "read"> & Partial<Pick<ImageStore, "open" | "addressOf">>;
  readonly thumbnails: Thumbnails;
  readonly gallery: Gallery;
  readonly uploads: Uploads;
  readonly news: NewsPort;
  readonly models: ModelCatalogue;
  /** True if results may be sent to an address, judged by its name alone. */
  mayName(url: string): boolean;
  readonly keys: KeyRing;
  readonly metrics: HttpMetrics;
  readonly log: Log;
  /** Absent: traces are not collected. */
  readonly tracer?: Tracer | undefined;
  readiness(): Promise<Readiness>;
  /** The devices in words. */
  device(): string;
  /** The models in memory of all workers, and those that are loading: those of this process first. */
  inMemory(): Promise<readonly ModelInMemory[]>;
  /** Loads a model before its first task, if a worker of this process has no task. True when it is loading or ready. */
  prepare(air: string): Promise<boolean>;
  /** Free bytes in the storage of images; undefined if unknown. */
  freeBytes(): Promise<number | undefined>;
  /** The folder of the built page. Absent: it is not served. */
  readonly pageFolder?: string | undefined;
  /** The folder of the built documentation. Absent: it is not served. */
  readonly docsFolder?: string | undefined;
  /** Timers for absent, silent or unauthenticated clients. */
  readonly later: Later;
  /** Aborted when the server stops waiting for requests. */
  readonly stopping: AbortSignal;
}

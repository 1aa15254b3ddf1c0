/** What the HTTP side asks of the rest of the server. The composition root plugs the real things in. */

import type { ModelCatalogue } from "../../models/index.ts";
import type { OwnerId, TaskService } from "../tasks/index.ts";
import type { KeyRing } from "./api-keys.ts";
import type { HttpMetrics } from "./metrics.ts";

/** Stored images. */
export interface ImageFiles {
  /** The bytes of an image by its file name; undefined when there is none or its time is over. */
  read(fileName: string): Promise<StoredImage | undefined>;
}

export interface StoredImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Whole seconds until its time is over. */
  readonly secondsLeft: number;
}

/** Images that clients bring. */
export interface Uploads {
  /**
   * Checks and stores an image given as data URI, base64 or URL. Throws a `TaskError` that names the parameter, or the
   * signal's reason when it is aborted before the image is there.
   */
  store(
    owner: OwnerId,
    image: string,
    signal: AbortSignal,
  ): Promise<{ readonly imageUUID: string; readonly fileName: string }>;
}

/** Whether the server can take tasks, and why not. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/** The few log calls made here. */
export interface HttpLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** The limits and choices of the HTTP side; times are in seconds. */
export interface HttpSettings {
  readonly publicUrl?: string | undefined;
  readonly maxTasks: number;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly requestTimeout: number;
  readonly syncTimeout: number;
  readonly sendTimeout: number;
  readonly idleTimeout: number;
  readonly sessionBuffer: number;
  readonly cancelOnHangUp: boolean;
}

/** Everything that the HTTP side works with. */
export interface HttpPorts {
  readonly settings: HttpSettings;
  readonly tasks: TaskService;
  readonly images: ImageFiles;
  readonly uploads: Uploads;
  readonly models: ModelCatalogue;
  readonly keys: KeyRing;
  readonly metrics: HttpMetrics;
  readonly log: HttpLog;
  readiness(): Promise<Readiness>;
  /** Aborted when the server stops and waits for nobody any more. */
  readonly stopping: AbortSignal;
}

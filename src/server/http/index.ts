/** The API over HTTP and WebSocket. */
export { createKeyRing, type KeyRing, type KnownKey } from "./api-keys.ts";
export { createApp } from "./app.ts";
export { type ImageSource, imageItem, isPictureRecord } from "./image-items.ts";
export { failure } from "./inference.ts";
export { type KeyFile, KeyFileError, openKeyFile } from "./key-file.ts";
export { createHttpMetrics } from "./metrics.ts";
export type {
  HttpPorts,
  HttpSettings,
  Readiness,
  Uploads,
} from "./ports.ts";

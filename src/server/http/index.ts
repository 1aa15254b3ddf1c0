/** The API over HTTP and WebSocket. */
export { createKeyRing, type KeyLimits, type KeyRing, type KeyStore, type KnownKey, openKeyFile } from "./api-keys.ts";
export { createApp } from "./app.ts";
export { type ImageSource, imageItem, isPictureRecord } from "./items.ts";
export { openKeyTable } from "./key-table.ts";
export { later } from "./later.ts";
export { createHttpMetrics } from "./metrics.ts";
export type {
  HttpPorts,
  HttpSettings,
  NewsPort,
  Readiness,
  Uploads,
} from "./ports.ts";
export { failure } from "./queued-tasks.ts";

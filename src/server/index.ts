/** The server: tasks over HTTP and WebSocket, run by workers, stored in a database. */

export type { KeyLimits, KnownKey } from "./http/index.ts";
export { openKeys } from "./keys.ts";
export { createServer, type Server, type ServerParts } from "./server.ts";
export { copyFiles, openStorageAt } from "./storage/index.ts";

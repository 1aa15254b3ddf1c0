export { DataDirLockedError } from "./data-dir-lock.ts";
export { type Database, DatabaseUnavailableError, type Queryable } from "./database.ts";
export { MigrationError } from "./migrate.ts";
export { type DatabaseOptions, openDatabase } from "./open.ts";

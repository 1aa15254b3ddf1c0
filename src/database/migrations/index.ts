import { tasks } from "./0001-tasks.ts";
import type { Migration } from "./migration.ts";

export type { Migration };

export const migrations: readonly Migration[] = [tasks];

import type { Migration } from "./migration.ts";

/** Whether a task was cancelled because its client went away, and not because anybody asked for it. */
export const abandoned: Migration = {
  number: 5,
  name: "abandoned",
  statements: ["alter table tasks add column abandoned boolean not null default false"],
};

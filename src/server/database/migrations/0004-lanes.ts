import type { Migration } from "./migration.ts";

/** Tasks of different lanes do not wait for each other: model uploads are fetched while pictures are drawn. */
export const lanes: Migration = {
  number: 4,
  name: "lanes",
  statements: [
    "alter table tasks add column lane text not null default 'pictures' check (lane in ('pictures', 'uploads'))",
    "drop index tasks_in_turn",
    "create index tasks_in_turn on tasks (lane, turn, id) where state = 'queued'",
    "drop index tasks_started_turn",
    "create index tasks_started_turn on tasks (lane, turn) where attempt > 0",
    "drop index tasks_owner_turn",
    "create index tasks_owner_turn on tasks (owner, lane, turn_end)",
  ],
};

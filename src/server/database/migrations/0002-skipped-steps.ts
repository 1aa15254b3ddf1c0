import type { Migration } from "./migration.ts";

/** How many denoising steps of a picture a step cache answered; null when none was on. */
export const skippedSteps: Migration = {
  number: 2,
  name: "skipped steps",
  statements: ["alter table images add column skipped_steps double precision"],
};

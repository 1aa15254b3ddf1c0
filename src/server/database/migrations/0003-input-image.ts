import type { Migration } from "./migration.ts";

/** The image that a guide image was made of; null for other pictures. */
export const inputImage: Migration = {
  number: 3,
  name: "input image",
  statements: ["alter table images add column input_uuid text"],
};

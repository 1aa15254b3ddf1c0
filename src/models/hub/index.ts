/** Repositories of the Hugging Face hub, brought onto this machine. */
export type { HubFile } from "./fetch-file.ts";
export { openRepository, type Repository } from "./repository.ts";

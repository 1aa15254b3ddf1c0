/** Downloads repositories of the Hugging Face hub. */
export { type Download, downloadTo } from "./download.ts";
export type { HubFile } from "./fetch-file.ts";
export { openRepository, type Repository } from "./repository.ts";

/** Repositories of the Hugging Face hub, brought onto this machine. */
export { type PullOptions, type PullProgress, pullRepository } from "./pull.ts";

/** Models in a bucket, for many machines. */
export { type BringHooks, isMirrored, openSharedModels, type SharedModels } from "./mirror.ts";
export { shareModel, unshareModel } from "./share.ts";

/** The model registry: installed checkpoints, their cards, and prices. */
export { ADAPTER_KINDS, type AdapterKind, knownDistillation } from "./adapter-card.ts";
export { type Adapter, listAdapters, resolveAdapter } from "./adapters.ts";
export { airPattern, type ModelCard } from "./card.ts";
export {
  costAmong,
  type InstalledModels,
  type ModelCatalogue,
  type ModelSummary,
  openModelCatalogue,
} from "./catalogue.ts";
export { ModelError, type ModelErrorReason } from "./errors.ts";
export { registeredAt } from "./free-air.ts";
export { AIRS, MEMBERS, type MemberName, publishedAir } from "./import/members.ts";
export { WEIGHT_MODES, type WeightMode } from "./import/pieces.ts";
export { addModel, type Naming, removeModel } from "./install.ts";
export { addAdapter, removeAdapter } from "./install-adapter.ts";
export { addOrKeep } from "./install-again.ts";
export { dataDirectory, type ModelLocations, modelLocations } from "./locations.ts";
export { planSize, type Size, type SizePlan } from "./pixel-budget.ts";
export { costPerPicture, type Price } from "./price.ts";
export { pullCheckpoint } from "./pull-checkpoint.ts";
export { receiveAdapter, removeAbandoned } from "./receive.ts";
export { referenceCount } from "./references.ts";
export { DEFAULT_MODEL, findModel, listModels, type Model, modelNamed } from "./registry.ts";
export { type BringHooks, isMirrored, openSharedModels, type SharedModels } from "./shared/mirror.ts";
export { shareModel, unshareModel } from "./shared/share.ts";

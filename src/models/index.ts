/** The model registry: which checkpoints there are, what is known of them, what a picture costs. */
export { ADAPTER_KINDS, type AdapterKind } from "./adapter-card.ts";
export { type Adapter, listAdapters, resolveAdapter } from "./adapters.ts";
export { airPattern, type ModelCard, type Price } from "./card.ts";
export { type InstalledModels, type ModelCatalogue, type ModelSummary, openModelCatalogue } from "./catalogue.ts";
export { ModelError, type ModelErrorReason } from "./errors.ts";
export { registeredAt } from "./free-air.ts";
export { MEMBERS, type MemberName } from "./import/members.ts";
export { WEIGHT_MODES, type WeightMode } from "./import/weight-mode.ts";
export { addModel, type Naming, removeModel } from "./install.ts";
export { addAdapter, removeAdapter } from "./install-adapter.ts";
export { addOrKeep } from "./install-again.ts";
export { knownSchedule } from "./known-schedule.ts";
export { dataDirectory, type ModelLocations, modelLocations } from "./locations.ts";
export { planSize, type Size, type SizePlan } from "./pixel-budget.ts";
export { costPerPicture } from "./price.ts";
export { receiveAdapter } from "./receive.ts";
export { removeAbandoned } from "./receiving-folder.ts";
export { findModel, listModels, type Model, modelNamed } from "./registry.ts";

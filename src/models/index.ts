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
export { dataDirectory, type ModelLocations, modelLocations } from "./locations.ts";
export { planSize, type Size, type SizePlan } from "./pixel-budget.ts";
export { costPerPicture, type Price } from "./price.ts";
export { referenceCount } from "./references.ts";
export { DEFAULT_MODEL, findModel, listModels, type Model, modelNamed } from "./registry.ts";

/** Changes of the registry: installing and removing, receiving files, pulling from the hub. `inkstone generate` does not load them. */
export { MEMBERS, type MemberName, publishedAir } from "../import/members.ts";
export { WEIGHT_MODES, type WeightMode } from "../import/pieces.ts";
export { addAdapter, removeAdapter } from "./adapter.ts";
export { addOrKeep } from "./again.ts";
export { registeredAt } from "./free-air.ts";
export { addModel, type Naming, removeModel } from "./model.ts";
export { pullCheckpoint } from "./pull-checkpoint.ts";
export { receiveAdapter, removeAbandoned } from "./receive.ts";
export { requireAdapter } from "./require-adapter.ts";

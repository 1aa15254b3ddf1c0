import { listAdapters } from "./adapters.ts";
import { ModelError } from "./errors.ts";
import type { ModelLocations } from "./locations.ts";
import { listModels } from "./registry.ts";

/** @throws ModelError `alreadyInstalled` when a model of any kind has this AIR as its own */
export async function requireFree(air: string, locations: ModelLocations): Promise<void> {
  const models = (await listModels(locations)).map(({ card, origin, folder }) => ({ card, origin, place: folder }));
  const adapters = (await listAdapters(locations)).map(({ card, origin, path }) => ({ card, origin, place: path }));
  const taken = [...models, ...adapters].find(({ card }) => card.air === air);
  if (taken) throw new ModelError("alreadyInstalled", `${air} is ${taken.origin} already: ${taken.place}`);
}

import { join } from "node:path";
import type { AdapterKind } from "../adapter-card.ts";
import { type Adapter, listAdapters } from "../adapters.ts";
import { ModelError } from "../errors.ts";
import type { ModelLocations } from "../locations.ts";
import { listModels, type Model } from "../registry.ts";

/** @throws ModelError `alreadyInstalled` when a model of any kind has this AIR */
export async function requireFree(air: string, locations: ModelLocations): Promise<void> {
  const taken = await holderOf(air, locations);
  if (taken) throw alreadyInstalled(taken);
}

/**
 * The model with this AIR, if it is the checkpoint or adapter at `path` (or a checkpoint inside it that the folder's card names).
 * Undefined when the AIR is free.
 * @throws ModelError `alreadyInstalled` when another model has it
 */
export async function registeredAt(
  kind: "checkpoint" | AdapterKind,
  path: string,
  air: string,
  locations: ModelLocations,
): Promise<Model | Adapter | undefined> {
  const taken = await holderOf(air, locations);
  if (!taken) return undefined;
  const place = placeOf(taken);
  const isHere = place === path || (kind === "checkpoint" && place.startsWith(join(path, "/")));
  if (kind !== kindOf(taken) || !isHere) throw alreadyInstalled(taken);
  return taken;
}

async function holderOf(air: string, locations: ModelLocations): Promise<Model | Adapter | undefined> {
  const all = [...(await listModels(locations)), ...(await listAdapters(locations))];
  return all.find(({ card }) => card.air === air);
}

const kindOf = (model: Model | Adapter) => ("folder" in model ? "checkpoint" : model.card.kind);
const placeOf = (model: Model | Adapter) => ("folder" in model ? model.folder : model.path);

function alreadyInstalled(taken: Model | Adapter): ModelError {
  const { air } = taken.card;
  const removal = taken.origin === "bundled" ? "" : `, or remove it first: inkstone models remove ${air}`;
  return new ModelError(
    "alreadyInstalled",
    `${air} is already ${taken.origin}: ${placeOf(taken)}. Choose another name with --air${removal}`,
  );
}

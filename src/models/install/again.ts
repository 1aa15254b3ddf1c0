import { join } from "node:path";
import { type AdapterKind, parseAdapterCard } from "../adapter-card.ts";
import type { Adapter } from "../adapters.ts";
import { parseCard, readCardJson, writeCard } from "../card.ts";
import type { ModelLocations } from "../locations.ts";
import type { Model } from "../registry.ts";
import { addAdapter } from "./adapter.ts";
import { registeredAt } from "./free-air.ts";
import { addModel, type Naming } from "./model.ts";
import { requireAdapter } from "./require-adapter.ts";

/**
 * Registers a checkpoint or adapter again after its files may have changed. Its card keeps the changes of its users, except for a new
 * name.
 * @throws ModelError as `addModel` and `addAdapter` do
 */
export async function addOrKeep(
  kind: "checkpoint" | AdapterKind,
  path: string,
  naming: Naming,
  locations: ModelLocations,
): Promise<Model | Adapter> {
  const known = await registeredAt(kind, path, naming.air, locations);
  if (known && kind !== "checkpoint") await requireAdapter(kind, path);
  if (known) return naming.name === undefined ? known : renamed(known, naming.name);
  return kind === "checkpoint" ? addModel(path, naming, locations) : addAdapter(kind, path, naming, locations);
}

async function renamed(known: Model | Adapter, name: string): Promise<Model | Adapter> {
  const registration = known.registration!;
  const source = join(registration, "card.json");
  const card = { ...((await readCardJson(source)) as object), name };
  const checked =
    "folder" in known
      ? { ...known, card: parseCard(card, source) }
      : { ...known, card: parseAdapterCard(card, source) };
  await writeCard(registration, card);
  return checked;
}

import { rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type AdapterKind, knownDistillation, parseAdapterCard } from "../adapter-card.ts";
import { type Adapter, listAdapters } from "../adapters.ts";
import { writeCard } from "../card.ts";
import { ModelError } from "../errors.ts";
import type { ModelLocations } from "../locations.ts";
import { requireFree } from "./free-air.ts";
import type { Naming } from "./model.ts";
import { requireAdapter } from "./require-adapter.ts";

/**
 * Registers a LoRA file or a ControlNet folder under an AIR. The files stay in their place: it writes only a card that points to them.
 * @throws ModelError `notAnAdapter`, `alreadyInstalled` or `invalidCard`
 */
export async function addAdapter(
  kind: AdapterKind,
  path: string,
  naming: Naming,
  locations: ModelLocations,
): Promise<Adapter> {
  const absolute = resolve(path);
  await requireAdapter(kind, absolute);
  const ofPlace = kind === "lora" ? basename(absolute, ".safetensors") : (naming.folderName ?? basename(absolute));
  const name = naming.name ?? ofPlace;
  const card = parseAdapterCard(
    { kind, air: naming.air, name, path: absolute, ...knownDistillation(basename(absolute)) },
    path,
  );
  await requireFree(naming.air, locations);
  const registration = join(locations.modelsDir, naming.air.replace(":", "+"));
  await writeCard(registration, card);
  return { card, path: absolute, origin: "installed", registration };
}

/**
 * Removes an adapter from the list; its files stay. Undefined when no adapter has this AIR.
 * @throws ModelError `notRemovable` for an adapter of the package, or one with its weights beside its card
 */
export async function removeAdapter(air: string, locations: ModelLocations): Promise<Adapter | undefined> {
  const adapter = (await listAdapters(locations)).find(({ card }) => card.air === air);
  if (!adapter) return undefined;
  if (adapter.origin === "bundled") {
    throw new ModelError("notRemovable", `${air} is included in the package and cannot be removed`);
  }
  if (adapter.path.startsWith(join(adapter.registration, "/"))) {
    throw new ModelError(
      "notRemovable",
      `${air} keeps its weights in ${adapter.registration}; delete that folder to remove it`,
    );
  }
  await rm(adapter.registration, { recursive: true });
  return adapter;
}

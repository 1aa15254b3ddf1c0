import { join, resolve } from "node:path";
import { type AdapterCard, type AdapterKind, isAdapterCard, parseAdapterCard } from "./adapter-card.ts";
import { readCardJson } from "./card.ts";
import { ModelError } from "./errors.ts";
import { foldersIn, type ModelLocations } from "./locations.ts";

/** A LoRA or a ControlNet that tasks can name. */
export interface Adapter {
  readonly card: AdapterCard;
  /** File of a LoRA or folder of a ControlNet, absolute. */
  readonly path: string;
  readonly origin: "bundled" | "installed";
  /** Folder of its card. */
  readonly registration: string;
}

/**
 * The adapters in the models directory, and those included in the package (in `adapters/` beside its checkpoint).
 * @throws ModelError `invalidCard`
 */
export async function listAdapters({ modelsDir, bundledDir }: ModelLocations): Promise<Adapter[]> {
  const adapters: Adapter[] = [];
  const places = [
    { folder: modelsDir, origin: "installed" },
    { folder: join(bundledDir, "adapters"), origin: "bundled" },
  ] as const;
  for (const { folder, origin } of places) {
    for (const name of await foldersIn(folder)) {
      const registration = join(folder, name);
      const json = await readCardJson(join(registration, "card.json"));
      if (!isAdapterCard(json)) continue;
      const card = parseAdapterCard(json, registration);
      adapters.push({ card, path: resolve(registration, card.path), origin, registration });
    }
  }
  return adapters;
}

/**
 * Finds an adapter by AIR. An AIR has priority over an alias.
 * @throws ModelError `unknownModel` listing the known adapters of this kind
 */
export async function resolveAdapter(air: string, kind: AdapterKind, locations: ModelLocations): Promise<Adapter> {
  const adapters = (await listAdapters(locations)).filter(({ card }) => card.kind === kind);
  const found =
    adapters.find(({ card }) => card.air === air) ?? adapters.find(({ card }) => card.aliases.includes(air));
  if (found) return found;
  const known = adapters.flatMap(({ card }) => [card.air, ...card.aliases]);
  throw new ModelError("unknownModel", `${kind} is "${air}"; known: ${[...new Set(known)].join(", ") || "none"}`);
}

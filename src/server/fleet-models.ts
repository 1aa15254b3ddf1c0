/** The available models: those of this server's worker, and those of workers on other machines. */

import { costAmong, type ModelCatalogue, type ModelSummary } from "../models/index.ts";
import type { Offers, Presence, TaskSignals } from "./tasks/index.ts";

/** Interval of queries for the models of other machines. A signal of a change causes the next one at once. */
const FRESH_MS = 5_000;

/** The models that a worker offers to other processes. */
export async function offersOf(models: ModelCatalogue): Promise<Offers> {
  const list = await models.list();
  return { names: list.flatMap(({ air, aliases = [] }) => [air, ...aliases]), catalogue: JSON.stringify(list) };
}

interface FleetOptions {
  readonly presence: Presence;
  readonly signals: TaskSignals;
  /** The models of this process, which come first. Absent if it does not generate. */
  readonly own: ModelCatalogue | undefined;
}

/** The models of all workers on the database. */
export function fleetModels({ presence, signals, own }: FleetOptions): ModelCatalogue {
  let kept: { readonly at: number; readonly elsewhere: Promise<readonly ModelSummary[]> } | undefined;
  signals.listen(({ type }) => {
    if (type === "models" || type === "gap") kept = undefined;
  });
  const elsewhere = () => {
    if (kept === undefined || performance.now() - kept.at > FRESH_MS) {
      kept = { at: performance.now(), elsewhere: presence.catalogues().then((texts) => texts.flatMap(readCatalogue)) };
      kept.elsewhere.catch(() => {
        kept = undefined; // the database is unreachable: the next call asks again
      });
    }
    return kept.elsewhere;
  };
  const list = async () => {
    const all = [...((await own?.list()) ?? []), ...(await elsewhere())];
    const known = new Set<string>();
    return all.filter(({ category, air }) => !known.has(`${category} ${air}`) && known.add(`${category} ${air}`));
  };
  return { list, cost: async (task) => costAmong(await list(), task) };
}

function readCatalogue(text: string): ModelSummary[] {
  const models = JSON.parse(text) as (Omit<ModelSummary, "addedAt"> & { addedAt?: string })[];
  return models.map(({ addedAt, ...rest }) => ({
    ...rest,
    ...(addedAt !== undefined && { addedAt: new Date(addedAt) }),
  }));
}

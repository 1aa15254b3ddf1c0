/** `modelSearch`: one page of the matching models, in the requested order. */

import type { ModelSummary } from "../../models/index.ts";
import type { ModelSearchResult, ModelSearchTask } from "../../protocol/index.ts";

/** One page of the models that match a search, and the number of all matching models. */
export function searchModels(models: readonly ModelSummary[], task: ModelSearchTask) {
  const found = models.filter((model) => fits(model, task)).sort(orderOf(task));
  const results = found.slice(task.offset, task.offset + task.limit).map(shown);
  return { results, totalResults: found.length };
}

/** Fills in the fields that clients require, empty if unknown. */
function shown({ addedAt: _, aliases, ...model }: ModelSummary): ModelSearchResult {
  return {
    ...model,
    aliases: aliases && [...aliases],
    trainedSizes: model.trainedSizes?.map((size) => [...size]),
    tags: [...(model.tags ?? [])],
    capabilities: [...(model.capabilities ?? [])],
    source: model.source ?? "community",
    heroImage: model.heroImage ?? null,
    private: false,
  };
}

function fits(model: ModelSummary, task: ModelSearchTask): boolean {
  const { tags = [], capabilities = [], source = "community" } = model;
  return (
    (task.search === undefined || score(model, task.search) > 0) &&
    (task.tags ?? []).every((tag) => tags.includes(tag)) &&
    (task.capabilities ?? []).every((capability) => capabilities.includes(capability)) &&
    (task.category === undefined || model.category === categoryOf(task.category)) &&
    (task.type === undefined || model.type === task.type) &&
    (task.architecture === undefined || model.architecture === task.architecture) &&
    (task.conditioning === undefined || model.conditioning === task.conditioning) &&
    (task.source === undefined || source === task.source) &&
    // All installed models belong to the operator, and favourites do not exist.
    task.visibility !== "private" &&
    task.visibility !== "favorite"
  );
}

/** LyCORIS files count as LoRAs, as in `modelUpload`. */
const categoryOf = (asked: string): string => (asked === "lycoris" ? "lora" : asked);

/**
 * The relevance of a model for a search text. It is 3 if its name is equal, 2 if its name or AIR begins with the text.
 * It is 1 if the text occurs anywhere, else 0.
 */
function score({ air, name, aliases = [], comment = "", tags = [] }: ModelSummary, search: string): number {
  const wanted = search.toLowerCase();
  const names = [air, name, ...aliases].map((text) => text.toLowerCase());
  if (names.includes(wanted)) return 3;
  if (names.some((text) => text.startsWith(wanted))) return 2;
  return [...names, comment, ...tags].join("\n").toLowerCase().includes(wanted) ? 1 : 0;
}

type Order = (first: ModelSummary, second: ModelSummary) => number;

/**
 * Sorting is stable: equal models keep the order of the list. Popularity is not counted, so all models are equal in it.
 */
function orderOf({ sort, search }: ModelSearchTask): Order {
  const wanted = sort ?? (search === undefined ? "popularity" : "_score");
  const order = ORDERS[wanted.replace(/^-/, "") as keyof typeof ORDERS](search ?? "");
  return wanted.startsWith("-") ? (first, second) => order(second, first) : order;
}

const byTime: () => Order = () => (first, second) => Number(first.addedAt ?? 0) - Number(second.addedAt ?? 0);

const ORDERS = {
  _score:
    (search: string): Order =>
    (first, second) =>
      score(second, search) - score(first, search),
  popularity: (): Order => () => 0,
  name: (): Order => (first, second) => first.name.localeCompare(second.name),
  addedUnixTimestamp: byTime,
  updatedDateUnixTimestamp: byTime,
};

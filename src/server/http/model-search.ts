/** `modelSearch`: one page of the installed models that fit, in the order asked for. */

import type { ModelSummary } from "../../models/index.ts";
import type { ModelSearchResult, ModelSearchTask } from "../../protocol/index.ts";

/** One page of the models that fit a search, and how many fit in all. */
export function searchModels(models: readonly ModelSummary[], task: ModelSearchTask) {
  const found = models.filter((model) => fits(model, task)).sort(orderOf(task));
  const results = found.slice(task.offset, task.offset + task.limit).map(shown);
  return { results, totalResults: found.length };
}

/** Fields that clients require are there, empty where nothing is known. */
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
    // Everything installed belongs to whoever runs the server, and nobody marks favourites.
    task.visibility !== "private" &&
    task.visibility !== "favorite"
  );
}

/** LyCORIS files are LoRAs here, as `modelUpload` takes them. */
const categoryOf = (asked: string): string => (asked === "lycoris" ? "lora" : asked);

/** How well a model fits a text: 3 it is called so, 2 its name or AIR begins so, 1 the text is somewhere, 0 nowhere. */
function score({ air, name, aliases = [], comment = "", tags = [] }: ModelSummary, search: string): number {
  const wanted = search.toLowerCase();
  const names = [air, name, ...aliases].map((text) => text.toLowerCase());
  if (names.includes(wanted)) return 3;
  if (names.some((text) => text.startsWith(wanted))) return 2;
  return [...names, comment, ...tags].join("\n").toLowerCase().includes(wanted) ? 1 : 0;
}

type Order = (first: ModelSummary, second: ModelSummary) => number;

/** Sorting is stable: models that are equal stay in the order of the list. Nothing counts popularity, so there all are equal. */
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

import type { ModelSummary } from "../../models/index.ts";
import type { ModelSearchTask } from "../../protocol/index.ts";

/** One page of the models that fit a search, and how many fit in all. */
export function searchModels(models: readonly ModelSummary[], task: ModelSearchTask) {
  const found = models.filter((model) => fits(model, task));
  const results = found.slice(task.offset, task.offset + task.limit).map((model) => ({
    tags: [],
    ...model,
    // Everything installed belongs to whoever runs the server.
    private: false,
  }));
  return { results, totalResults: found.length };
}

function fits(model: ModelSummary, task: ModelSearchTask): boolean {
  const { air, name, comment = "", tags = [] } = model;
  const text = [air, name, comment, ...tags].join("\n").toLowerCase();
  return (
    (task.search === undefined || text.includes(task.search.toLowerCase())) &&
    (task.tags ?? []).every((tag) => tags.includes(tag)) &&
    (task.category === undefined || model.category === categoryOf(task.category)) &&
    (task.type === undefined || model.type === task.type) &&
    (task.architecture === undefined || model.architecture === task.architecture) &&
    (task.conditioning === undefined || model.conditioning === task.conditioning) &&
    task.visibility !== "private"
  );
}

/** LyCORIS files are LoRAs here, as `modelUpload` takes them. */
const categoryOf = (asked: string): string => (asked === "lycoris" ? "lora" : asked);

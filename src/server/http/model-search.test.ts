import { expect, test } from "vitest";
import type { ModelSummary } from "../../models/index.ts";
import { type ModelSearchTask, parseTask } from "../../protocol/index.ts";
import { searchModels } from "./model-search.ts";

const MODELS = [
  { air: "runware:108@1", name: "Qwen-Image", category: "checkpoint", capabilities: ["io:text-to-image"], addedAt: 2 },
  {
    air: "runware:108@20",
    name: "Edit",
    category: "checkpoint",
    capabilities: ["io:image-to-image", "op:edit"],
    addedAt: 3,
  },
  { air: "inkstone:neon@1", name: "Neon", category: "lora", source: "official", tags: ["style"], addedAt: 1 },
] as unknown as readonly ModelSummary[];

function search(changes: object) {
  const parsed = parseTask({ taskType: "modelSearch", taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7", ...changes });
  if (!parsed.ok) throw parsed.errors[0];
  return searchModels(MODELS, parsed.task as ModelSearchTask);
}
const airs = (changes: object) => search(changes).results.map(({ air }) => air.slice(-5));

test.each([
  [{ source: "official" }, ["eon@1"]],
  [{ source: "community" }, ["108@1", "08@20"]],
  [{ source: "featured" }, []],
  [{ source: "curated" }, []],
  [{ capabilities: ["op:edit"] }, ["08@20"]],
  [{ capabilities: ["op:edit", "io:text-to-image"] }, []],
  [{ visibility: "public" }, ["108@1", "08@20", "eon@1"]],
  [{ visibility: "owned" }, ["108@1", "08@20", "eon@1"]],
  [{ visibility: "private" }, []],
  [{ visibility: "favorite" }, []],
  [{ tags: ["style"] }, ["eon@1"]],
  [{ category: "lycoris" }, ["eon@1"]],
])("%j finds %j", (changes, expected) => {
  expect(airs(changes)).toEqual(expected);
});

test.each([
  ["name", ["08@20", "eon@1", "108@1"]],
  ["-name", ["108@1", "eon@1", "08@20"]],
  ["addedUnixTimestamp", ["eon@1", "108@1", "08@20"]],
  ["-updatedDateUnixTimestamp", ["08@20", "108@1", "eon@1"]],
  ["popularity", ["108@1", "08@20", "eon@1"]],
])("sorted by %s", (sort, expected) => {
  expect(airs({ sort })).toEqual(expected);
});

test("a text finds the best match first, and pages keep the total", () => {
  expect(airs({ search: "edit" })).toEqual(["08@20"]);
  expect(airs({ search: "runware:108@1" })).toEqual(["108@1"]);
  expect(search({ limit: 1, offset: 1 })).toMatchObject({ totalResults: 3, results: [{ air: "runware:108@20" }] });
});

test("fields that older clients require are present", () => {
  const [, , neon] = search({}).results;
  expect(neon).toMatchObject({
    heroImage: null,
    capabilities: [],
    source: "official",
    private: false,
    tags: ["style"],
  });
  const [first] = search({}).results;
  expect(first).toMatchObject({ heroImage: null, source: "community", tags: [] });
  expect(first).not.toHaveProperty("addedAt");
});

import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { pages } from "../../docs/generate/pages.ts";
import { DATA_ITEMS, errorItem, parseTask } from "../../src/protocol/index.ts";
import { openApiDocument, withModels } from "../../src/server/http/openapi.ts";

const IMAGE = "c64351d5-4c59-42f7-95e1-eace013eddab";

test("the OpenAPI document is valid", async () => {
  const document = openApiDocument();
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  const required = ["taskType", "taskUUID", "model", "positivePrompt"];
  expect(document).toMatchObject({ components: { schemas: { ImageInference: { required } } } });
});

test("no field has a default, because generated clients would require it", () => {
  const text = JSON.stringify(openApiDocument());
  expect(text).not.toMatch(/"default":(?!\{"description":"The meaning of an absent)/);
  expect(text).toContain("Number of images, each with its own seed. Default: 1.");
  expect(text).toContain('Letter case does not matter. Default: \\"Default\\".');
  expect(text).toContain("Lower values keep more of the original. Needs `seedImage`. Default: 0.8.");
});

test("describes each installed checkpoint, and stays valid", async () => {
  const model = (air: string, max: number) => ({
    ...({ air, name: air, version: "1", category: "checkpoint", architecture: "qwen-image" } as const),
    ...{ references: { min: Math.min(1, max), max }, defaultWidth: 1024, defaultHeight: 768 },
  });
  const lora = { ...model("me:lora@1", 0), category: "lora" as const };
  const document = withModels(openApiDocument(), [model("a:draws@1", 0), lora, model("a:edits@1", 3)]);
  const side = { minimum: 128, maximum: 2048, multipleOf: 8 };
  expect(document.components.schemas.ImageInference!["x-models"]).toMatchObject([
    {
      ...{ model: "a:draws@1", "inputs.referenceImages": { minItems: 0, maxItems: 0 }, controlNet: true },
      ...{ width: { ...side, required: true, suggested: 1024 }, height: { ...side, suggested: 768 } },
    },
    {
      ...{ model: "a:edits@1", "inputs.referenceImages": { minItems: 1, maxItems: 3 }, controlNet: false },
      width: { ...side, required: false },
    },
  ]);
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
});

test("a reply has the type of its task", () => {
  const { components } = openApiDocument() as {
    components: { schemas: Record<string, { properties?: Record<string, unknown>; required?: string[] }> };
  };
  expect(components.schemas.ImageItem).toMatchObject({
    required: ["taskType", "taskUUID", "imageUUID", "seed"],
    properties: { seed: { type: "integer" }, taskType: { const: "imageInference" }, imageURL: { format: "uri" } },
  });
  const names = Object.keys(DATA_ITEMS);
  expect(components.schemas.Reply).toMatchObject({
    properties: { data: { items: { anyOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` })) } } },
  });
  for (const name of names) expect(components.schemas[name]).toHaveProperty("properties.taskType");
});

test("anchors are unique, and errors link to existing ones", () => {
  const ids = ["api", "errors"].flatMap((page) =>
    [...pages[`reference/${page}.md`]!.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => `/${page}#${id}`),
  );
  expect(new Set(ids).size).toBe(ids.length);
  const parsed = parseTask({
    taskType: "imageInference",
    taskUUID: "x",
    seedImage: 5,
    foo: 1,
    lora: [{}],
    scheduler: "x",
    inputs: { maskImage: IMAGE },
    acceleratorOptions: { fbcache: 5 },
  });
  const links = parsed.ok ? [] : parsed.errors.map(({ body }) => errorItem(body, {}, "").documentation!);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) expect(ids).toContain(link);
});

import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { pages } from "../../docs/pages.ts";
import { asHtml, errorItem, errorReference, parseTask } from "../../src/protocol/index.ts";
import { openApiDocument } from "../../src/server/http/openapi.ts";

const IMAGE = "c64351d5-4c59-42f7-95e1-eace013eddab";

test("the OpenAPI document is valid", async () => {
  const document = openApiDocument();
  expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
  const required = ["taskType", "taskUUID", "model", "positivePrompt", "width", "height"];
  expect(document).toMatchObject({ components: { schemas: { ImageInference: { required } } } });
});

test("anchors are unique, and errors point at ones that exist", () => {
  const text = pages["api.md"]! + pages["errors.md"]!;
  const ids = [...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id!);
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
  const links = parsed.ok ? [] : parsed.errors.map(({ body }) => errorItem(body, {}, "").documentation!.slice(1));
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) expect(ids).toContain(link);
});

test("HTML is escaped", () => {
  expect(asHtml("<x>", [{ text: "a < b & `c<d>`" }])).toContain("<p>a &lt; b &amp; <code>c&lt;d&gt;</code></p>");
  expect(asHtml("t", errorReference())).not.toContain("undefined");
});

/**
 * The task of one model as JSON Schema, for forms. Unsupported parameters are omitted, and the defaults are those of
 * the model.
 */

import { z } from "zod";
import type { ModelSummary } from "../../models/index.ts";
import { imageInference } from "../../protocol/index.ts";

type Schema = Record<string, unknown>;

/** The groups of a form in their order. Parameters without a group come last. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  words: ["positivePrompt", "negativePrompt"],
  size: ["width", "height"],
  drawing: ["seed", "steps", "CFGScale", "scheduler", "numberResults", "settings"],
  inputs: ["inputs", "maskMargin", "outpaint"],
  adapters: ["lora", "controlNet"],
  speed: ["acceleratorOptions"],
  finishing: ["safety", "advancedFeatures"],
};
const REST = "delivery";

const groupOf = (name: string): string => Object.entries(GROUPS).find(([, names]) => names.includes(name))?.[0] ?? REST;

/** The schema of a model. `installed` are the models that it can be combined with. */
export function modelSchema(model: ModelSummary, installed: readonly ModelSummary[]): Schema {
  const { properties, ...schema } = z.toJSONSchema(imageInference, {
    io: "input",
    unrepresentable: "any",
    // Seeds are integers of any size. Their representation in JavaScript does not belong in the schema.
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === "integer") delete jsonSchema.anyOf;
    },
  }) as Schema & { properties: Record<string, Schema> };
  const { references = { min: 0, max: 0 } } = model;
  const edits = references.max > 0;
  const airs = (category: string) => installed.filter((one) => one.category === category).map(({ air }) => air);

  const inputs = { ...(properties.inputs!.properties as Record<string, Schema>) };
  if (edits) {
    const { min, max } = references;
    inputs.referenceImages = { ...inputs.referenceImages, minItems: Math.max(1, min), maxItems: max };
  } else delete inputs.referenceImages;
  properties.inputs = {
    ...properties.inputs,
    properties: inputs,
    ...(references.min > 0 && { required: ["referenceImages"] }),
  };
  properties.model = { ...properties.model, const: model.air };
  // ControlNets for editing models do not exist.
  if (edits || airs("controlnet").length === 0) delete properties.controlNet;
  else chooseFrom(properties.controlNet!, airs("controlnet"));
  if (airs("lora").length === 0) delete properties.lora;
  else chooseFrom(properties.lora!, airs("lora"));

  const own: Readonly<Record<string, unknown>> = {
    // An editing model uses the size of its last reference image by default.
    ...(!edits && { width: model.defaultWidth, height: model.defaultHeight }),
    steps: model.defaultSteps,
    CFGScale: model.defaultCFG,
    scheduler: model.defaultScheduler,
  };
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && properties[name]) properties[name] = { ...properties[name], default: value };
  }
  const order = [...Object.values(GROUPS).flat(), ...Object.keys(properties)];
  const ordered = Object.keys(properties).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  return {
    ...schema,
    title: model.name,
    properties: Object.fromEntries(ordered.map((name) => [name, { ...properties[name], "x-group": groupOf(name) }])),
    required: ["taskType", "taskUUID", "model", "positivePrompt", ...(references.min > 0 ? ["inputs"] : [])],
  };
}

/** Limits `model` in each entry of a list to installed models. */
function chooseFrom(list: Schema, airs: readonly string[]): void {
  const items = list.items as { properties?: Record<string, Schema> } | undefined;
  if (items?.properties?.model) items.properties.model = { ...items.properties.model, enum: airs };
}

/** A checkpoint in the list of `GET /v1/models`. */

import type { ModelSummary } from "../../models/index.ts";
import { type ModelReply, parametersOf } from "../../protocol/index.ts";
import type { ModelInMemory } from "../tasks/index.ts";
import { workOf } from "../tasks/index.ts";
import type { HttpPorts } from "./ports.ts";

type Ability = ModelReply["inkstone"]["can"][number];

/** Capabilities of modelSearch, mapped to the words of forms. */
const ABILITIES: Readonly<Record<string, Ability>> = {
  "io:text-to-image": "text",
  "io:image-to-image": "image",
  "op:inpaint": "mask",
  "op:outpaint": "outpaint",
  "op:edit": "edit",
};

const { min = 1, max = 1, multiplier: step = 1 } = parametersOf("imageInference").get("width")!;
const SIDES = { min, max: Number(max), step };

export const namesOf = ({ air, aliases = [] }: ModelSummary): readonly string[] => [air, ...aliases];

export async function modelItem(
  model: ModelSummary,
  inMemory: readonly ModelInMemory[],
  { tasks }: Pick<HttpPorts, "tasks">,
): Promise<ModelReply> {
  const { air, name, aliases = [], references = { min: 0, max: 0 }, maxPixels, trainedSizes = [] } = model;
  const { defaultWidth: width = 1024, defaultHeight: height = 1024, defaultSteps: steps = 20 } = model;
  const { defaultCFG: CFGScale = 4, defaultScheduler: scheduler = "Default" } = model;
  const pace = await tasks.pace({ names: namesOf(model), maxPixels });
  const states = inMemory.filter((held) => held.air === air).map(({ state }) => state);
  return {
    id: air,
    object: "model",
    created: 0,
    owned_by: "inkstone",
    name,
    inkstone: {
      air,
      aliases: [...aliases],
      category: model.category,
      can: (model.capabilities ?? []).flatMap((capability) => ABILITIES[capability] ?? []),
      references,
      sizes: {
        ...SIDES,
        suggested: references.max > 0 ? "auto" : `${width}x${height}`,
        trained: trainedSizes.map(([w, h]) => [w, h]),
      },
      maxPixels,
      defaults: { width, height, steps, CFGScale, scheduler },
      licence: model.license,
      bytes: model.bytes,
      state: states.includes("ready") ? "ready" : (states[0] ?? "installed"),
      secondsPerStep:
        pace === undefined
          ? undefined
          : pace * workOf({ width, height, CFGScale, steps: 1, numberResults: 1 }, maxPixels),
    },
  };
}

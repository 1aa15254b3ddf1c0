/** Requirements of a model for an imageInference task. */

import { normalize } from "./aliases.ts";
import type { ImageInferenceTask } from "./image-inference.ts";
import { invalidParameter, missingParameter, unsupportedParameter } from "./parameter-errors.ts";
import { type ParsedTask, parseTask } from "./task.ts";
import { TaskError } from "./task-error.ts";

/** The number of reference images that a model takes: 0 for models that generate from text only. */
export interface ReferenceCount {
  readonly min: number;
  readonly max: number;
}

/** Defaults of a model. */
export interface TaskDefaults {
  readonly steps?: number | undefined;
  readonly CFGScale?: number | undefined;
}

/**
 * Defaults for a task from its LoRAs: from the first LoRA that was distilled to few steps. LoRAs with weight 0 do not
 * count.
 */
export function loraDefaults(lora: unknown, defaultsOf: (air: string) => TaskDefaults | undefined): TaskDefaults {
  for (const { model, weight } of Array.isArray(lora) ? (lora as { model?: unknown; weight?: unknown }[]) : []) {
    const found = typeof model === "string" && weight !== 0 ? defaultsOf(model) : undefined;
    if (found?.steps !== undefined || found?.CFGScale !== undefined) return found;
  }
  return {};
}

/**
 * Fills in the steps and the guidance of the model, once the model is known. Rules about steps depend on them, so the
 * task is validated again and may be rejected.
 */
export function withModelDefaults(
  item: ParsedTask,
  ofModel: (air: string) => TaskDefaults | undefined,
  ofLora: (air: string) => TaskDefaults | undefined,
): ParsedTask {
  const { raw } = item;
  if (raw?.taskType !== "imageInference") return item;
  const { model, lora, steps, CFGScale, settings } = normalize(raw).value as Record<string, unknown>;
  const distilled = loraDefaults(lora, ofLora);
  const guided =
    CFGScale !== undefined || (settings as { trueCFGScale?: unknown } | undefined)?.trueCFGScale !== undefined;
  const missing: TaskDefaults = {
    steps:
      steps === undefined
        ? (distilled.steps ?? (typeof model === "string" ? ofModel(model)?.steps : undefined))
        : undefined,
    CFGScale: guided ? undefined : distilled.CFGScale,
  };
  const filled = Object.fromEntries(Object.entries(missing).filter(([, value]) => value !== undefined));
  if (Object.keys(filled).length === 0) return item;
  return { ...parseTask({ ...raw, ...filled }), raw };
}

const REFERENCES = "inputs.referenceImages";

const missingReferences = (model: string): TaskError =>
  missingParameter(REFERENCES, `'${model}' edits images and needs at least one.`);

/**
 * The errors of a task that was rejected before its model was known. An editing model takes the size from its reference
 * images. Without them, the first error is about the images and not about width and height.
 */
export function refusalFor(
  { owner, raw = {}, errors }: Refused,
  countOf: (model: string) => ReferenceCount,
): Refused["errors"] {
  if (owner.taskType !== "imageInference") return errors;
  const { model, inputs } = normalize(raw).value as { model?: unknown; inputs?: { referenceImages?: unknown } };
  if (typeof model !== "string" || inputs?.referenceImages !== undefined || countOf(model).min === 0) return errors;
  const sides = errors.filter(({ code }) => code === "missingWidth" || code === "missingHeight");
  const others = sides.length === 2 ? errors.filter((error) => !sides.includes(error)) : errors;
  return [missingReferences(model), ...others];
}

type Refused = Extract<ParsedTask, { ok: false }>;

/** Every requirement of the model that the task does not meet. */
export function modelErrors(task: ImageInferenceTask, { min, max }: ReferenceCount): TaskError[] {
  const given = task.inputs?.referenceImages?.length ?? 0;
  if (max === 0) {
    return given === 0
      ? []
      : [unsupportedParameter(REFERENCES, ["inputs.seedImage", "inputs.maskImage", "inputs.strength"])];
  }
  const errors: TaskError[] = [];
  if (given < min) errors.push(missingReferences(task.model));
  if (given > max) {
    const rule = `'${task.model}' takes ${max === 1 ? "one reference image" : `1 to ${max} reference images`}.`;
    errors.push(invalidParameter(REFERENCES, given, rule));
  }
  if (task.controlNet !== undefined) {
    const reason = `'${task.model}' edits images, and no ControlNets exist for such models.`;
    errors.push(
      new TaskError(
        "incompatibleParameters",
        { first: "controlNet", second: "model", reason },
        { parameter: ["controlNet", "model"] },
      ),
    );
  }
  return errors;
}

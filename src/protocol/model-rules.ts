/** What a model demands of an imageInference task. */

import type { ImageInferenceTask } from "./image-inference.ts";
import { invalidParameter, missingParameter, unsupportedParameter } from "./parameter-errors.ts";
import { TaskError } from "./task-error.ts";

/** How many reference images a model takes; none for models that draw from text. */
export interface ReferenceCount {
  readonly min: number;
  readonly max: number;
}

/** Every demand of the model that the task does not meet. */
export function modelErrors(task: ImageInferenceTask, { min, max }: ReferenceCount): TaskError[] {
  const given = task.inputs?.referenceImages?.length ?? 0;
  const path = "inputs.referenceImages";
  if (max === 0) {
    return given === 0 ? [] : [unsupportedParameter(path, ["inputs.seedImage", "inputs.maskImage", "inputs.strength"])];
  }
  const errors: TaskError[] = [];
  if (given < min) errors.push(missingParameter(path, `'${task.model}' edits images and needs at least one.`));
  if (given > max) {
    const rule = `'${task.model}' takes ${max === 1 ? "one reference image" : `1 to ${max} reference images`}.`;
    errors.push(invalidParameter(path, given, rule));
  }
  if (task.controlNet !== undefined) {
    const reason = `'${task.model}' edits images, and there are no ControlNets for such models.`;
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

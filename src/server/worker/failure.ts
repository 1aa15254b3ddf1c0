import { EngineDied } from "../../drawing/index.ts";
import { CheckpointError, DeviceError, ParameterError } from "../../engine/index.ts";
import { ModelError } from "../../models/index.ts";
import {
  type ErrorCode,
  type ImageInferenceTask,
  invalidParameter,
  missingParameter,
  type PictureTask,
  TaskError,
} from "../../protocol/index.ts";

/** The failure of an attempt: the error to report, whether another attempt may help, and whether the engine died. */
export interface AttemptFailure {
  readonly error: TaskError;
  readonly again: boolean;
  readonly death: boolean;
}

/** The engine made no progress for too long and was ended. */
export class EngineStalled extends Error {
  override readonly name = "EngineStalled";
  readonly seconds: number;
  constructor(seconds: number) {
    super(`no progress for ${seconds} seconds`);
    this.seconds = seconds;
  }
}

/** The consequence of an error for the task. */
export function failureOf(error: unknown, task: PictureTask): AttemptFailure {
  const model = task.taskType === "imageInference" ? task.model : "";
  const lasting = (taskError: TaskError) => ({ error: taskError, again: false, death: false });
  const passing = (taskError: TaskError, death = false) => ({ error: taskError, again: true, death });
  const told = (code: ErrorCode, values: Record<string, string | number>) =>
    new TaskError(code, values, {}, { cause: error });

  if (error instanceof TaskError) return lasting(error);
  if (error instanceof EngineStalled) return passing(told("engineTimeout", { seconds: error.seconds }));
  if (error instanceof EngineDied)
    return passing(told("inferenceError", { reason: "The engine process was lost." }), true);
  // The log has the message of the driver. The engine restarts in a new process.
  if (error instanceof DeviceError)
    return passing(told("inferenceError", { reason: "The device failed or ran out of memory." }));
  if (error instanceof CheckpointError)
    return lasting(told("modelUnavailable", { model, reason: withoutFolders(error.message) }));
  if (error instanceof ParameterError && (task.taskType === "upscale" || task.taskType === "vectorize"))
    return lasting(invalidParameter(error.parameter, task.inputs.image, `${error.message}.`));
  if (error instanceof ParameterError && task.taskType === "imageInference")
    return lasting(
      unfit(error, task) ?? unfitAdapter(error, task) ?? told("inferenceError", { reason: error.message }),
    );
  if (error instanceof ModelError) {
    if (error.reason === "unknownModel")
      return lasting(told("modelUnavailable", { model, reason: "It is no longer installed." }));
    return lasting(told("modelUnavailable", { model, reason: error.message }));
  }
  const reason = error instanceof Error ? error.message : String(error);
  return passing(told("inferenceError", { reason }));
}

/** A value that is only wrong in combination with the images: sizes that do not match, a mask without white. */
function unfit({ parameter, message }: ParameterError, task: ImageInferenceTask) {
  const { width, height, inputs, advancedFeatures } = task;
  const given = {
    width,
    height,
    "inputs.seedImage": inputs?.seedImage,
    "inputs.maskImage": inputs?.maskImage,
    "advancedFeatures.watermark.text": advancedFeatures?.watermark?.text,
  };
  const path = [parameter, `inputs.${parameter}`, `advancedFeatures.${parameter}`].find((name) => name in given);
  return path !== undefined ? invalidParameter(path, given[path as keyof typeof given], `${message}.`) : undefined;
}

/** A LoRA or ControlNet for another model. The engine counts them in the order of the task. */
function unfitAdapter({ parameter, message }: ParameterError, { lora, controlNet }: ImageInferenceTask) {
  const all = { loras: ["lora", lora], controls: ["controlNet", controlNet] } as const;
  if (parameter === "loras" || parameter === "controls") {
    const [name, adapters] = all[parameter];
    const models = adapters?.map(({ model }) => model);
    return invalidParameter(name, models, `${message}.`);
  }
  const [, list, index, part] = /^(loras|controls)\[(\d+)\]\.(file|folder|mask)$/.exec(parameter) ?? [];
  if (list === undefined) return undefined;
  const [name, models] = list === "loras" ? ["lora", lora] : ["controlNet", controlNet];
  const path = `${name}.${index}.model`;
  if (part === "mask")
    return missingParameter("inputs.maskImage", `'${path}' is an inpainting ControlNet and needs it.`);
  const reason = withoutFolders(message.slice(parameter.length).replace(/^: /, ""));
  return invalidParameter(path, models?.[Number(index)]?.model, `${reason}.`);
}

/** Removes folders from a message: callers must not learn the paths of the server. */
function withoutFolders(message: string): string {
  return message.replaceAll(/(?<![\w.])\/(?:[^\s/:]+\/)+/g, "");
}

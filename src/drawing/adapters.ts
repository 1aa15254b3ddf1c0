import type { LoraParams } from "../engine/index.ts";
import { type Adapter, type AdapterKind, ModelError } from "../models/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import { type ImageInferenceTask, resolveWindow } from "../protocol/index.ts";
import type { Control, Drawing } from "./drawing.ts";

/** The LoRAs and ControlNets that a task names, resolved, in the order of the task. */
export interface TaskAdapters {
  readonly loras: readonly Adapter[];
  readonly controls: readonly Adapter[];
}

/**
 * Finds the adapters that a task names.
 * @param find resolves one AIR; the default knows no adapter and throws
 * @throws ModelError of `find`, for the first adapter that it does not know
 */
export async function findAdapters(
  { lora = [], controlNet = [] }: ImageInferenceTask,
  find: (air: string, kind: AdapterKind) => Promise<Adapter> = findNone,
): Promise<TaskAdapters> {
  return {
    loras: await Promise.all(lora.map(({ model }) => find(model, "lora"))),
    controls: await Promise.all(controlNet.map(({ model }) => find(model, "controlnet"))),
  };
}

async function findNone(air: string, kind: AdapterKind): Promise<never> {
  throw new ModelError("unknownModel", `${kind} is "${air}"; no models of this kind are known here`);
}

/**
 * The parameters that the adapters add to a drawing. A distilled LoRA includes its own noise levels. If several have them, the first
 * one with a weight other than 0 decides.
 * @param guides guide images, in the order of the task's ControlNets
 */
export function adaptersOf(
  { lora = [], controlNet = [], steps }: ImageInferenceTask,
  { loras, controls }: TaskAdapters,
  guides: readonly RgbImage[],
): Pick<Drawing, "loras" | "controls" | "schedule"> {
  const files = lora.map(({ weight, transformer }, i): LoraParams => ({ file: loras[i]!.path, weight, transformer }));
  const steered = controlNet.map((item, i): Control => {
    const { startStep, startStepPercentage, endStep, endStepPercentage, weight, controlMode } = item;
    const window = {
      start: startStep,
      startPercentage: startStepPercentage,
      end: endStep,
      endPercentage: endStepPercentage,
    };
    const { start, end } = resolveWindow(window, steps);
    const control = { folder: controls[i]!.path, image: guides[i]!, mode: controlMode };
    return start < end ? { ...control, weight, start, end } : { ...control, weight: 0 }; // both percentages fall within one step: the ControlNet has no step to act on
  });
  const schedule = loras.find(({ card }, i) => card.schedule && lora[i]!.weight !== 0)?.card.schedule;
  return {
    loras: files.length > 0 ? files : undefined,
    controls: steered.length > 0 ? steered : undefined,
    schedule,
  };
}

import type { LoraParams } from "../engine/index.ts";
import { type Adapter, type AdapterKind, ModelError } from "../models/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import { type ImageInferenceTask, resolveWindow } from "../protocol/index.ts";
import type { Control, Drawing } from "./drawing.ts";

/** The LoRAs and ControlNets that a task names, found; in its order. */
export interface TaskAdapters {
  readonly loras: readonly Adapter[];
  readonly controls: readonly Adapter[];
}

/** @throws as `find` does, for the first one that is not there */
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
  throw new ModelError("unknownModel", `${kind} is "${air}"; none are known here`);
}

/**
 * What the adapters add to a drawing. A distilled LoRA brings its noise levels along; of several the first one's count.
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
    return start < end ? { ...control, weight, start, end } : { ...control, weight: 0 }; // two percentages within one step
  });
  const schedule = loras.find(({ card }, i) => card.schedule && lora[i]!.weight !== 0)?.card.schedule;
  return {
    loras: files.length > 0 ? files : undefined,
    controls: steered.length > 0 ? steered : undefined,
    schedule,
  };
}

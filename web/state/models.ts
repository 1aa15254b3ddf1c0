/** The installed models, and what the chosen one starts from. */

import { computed, signal } from "@preact/signals";
import { runTask } from "../api/server.ts";
import type { Model } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";
import { draft, patchDraft } from "./draft.ts";

export const models = signal<readonly Model[]>([]);
export const checkpoints = computed(() => models.value.filter(({ category }) => category === "checkpoint"));
export const loras = computed(() => models.value.filter(({ category }) => category === "lora"));
export const controlNets = computed(() => models.value.filter(({ category }) => category === "controlnet"));

const named = (air: string | undefined) =>
  models.value.find((model) => model.air === air || (air !== undefined && model.aliases?.includes(air)));

/** The model of the draft; undefined while the list is not there, or when the model is not installed. */
export const model = computed(() => named(draft.value.model));
export const nameOf = (air: string): string => named(air)?.name ?? air;

export async function loadModels(): Promise<void> {
  const reply = await runTask<{ results: readonly Model[] }>({
    taskType: "modelSearch",
    taskUUID: randomUuid(),
    search: "",
    limit: 100,
  });
  models.value = reply.results;
  const [first] = checkpoints.value;
  if (first !== undefined && draft.value.model === undefined) chooseModel(first);
}

/** Takes the model and its own size, steps and guidance. */
export function chooseModel(chosen: Model): void {
  patchDraft({
    model: chosen.air,
    width: chosen.defaultWidth ?? 1024,
    height: chosen.defaultHeight ?? 1024,
    steps: chosen.defaultSteps ?? 20,
    CFGScale: chosen.defaultCFG ?? 4,
  });
}

interface Shape {
  readonly label: string;
  readonly width: number;
  readonly height: number;
}

const SIDES: readonly (readonly [number, number])[] = [
  [1024, 1024],
  [896, 1152],
  [1152, 896],
  [768, 1344],
  [1344, 768],
];

/** The sizes to choose from: those that the model was trained on, or the usual shapes at its own number of pixels. */
export const shapes = computed((): readonly Shape[] => {
  const trained = model.value?.trainedSizes ?? [];
  const sizes = trained.length > 0 ? trained : SIDES;
  return sizes.map(([width, height]) => ({ label: `${width}×${height}`, width, height }));
});

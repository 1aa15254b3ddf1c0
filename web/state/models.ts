/** The installed models, and the defaults of the chosen one. */

import { computed, signal } from "@preact/signals";
import { request, runTask } from "../api/server.ts";
import type { Model, Parameters } from "../api/types.ts";
import { randomUuid } from "../api/uuid.ts";
import { beginDraft, draft, patchDraft } from "./draft.ts";
import { learnPace } from "./pace.ts";

export const models = signal<readonly Model[]>([]);
export const checkpoints = computed(() => models.value.filter(({ category }) => category === "checkpoint"));
export const loras = computed(() => models.value.filter(({ category }) => category === "lora"));
export const controlNets = computed(() => models.value.filter(({ category }) => category === "controlnet"));

const named = (air: string | undefined) =>
  models.value.find((model) => model.air === air || (air !== undefined && model.aliases?.includes(air)));

/** The model of the draft; undefined while the list is not loaded, or when the model is not installed. */
export const model = computed(() => named(draft.value.model));
/** True when the model follows instructions about reference images. */
export const canEdit = computed(() => model.value !== undefined && edits(model.value));
export const nameOf = (air: string): string => named(air)?.name ?? air;

const { promise, resolve } = Promise.withResolvers<void>();
/** Resolves when the models are known and the draft has one of them. */
export const modelsKnown = promise;

export async function loadModels(): Promise<void> {
  const reply = await runTask<{ results: readonly Model[] }>({
    taskType: "modelSearch",
    taskUUID: randomUuid(),
    search: "",
    limit: 100,
  });
  models.value = reply.results;
  const [first] = checkpoints.value;
  if (first !== undefined && draft.value.model === undefined) beginDraft(valuesOf(first));
  resolve();
  await learnPaces();
}

interface Paced {
  readonly id: string;
  readonly inkstone: {
    readonly secondsPerStep?: number;
    readonly defaults: { readonly width: number; readonly height: number };
  };
}

/** Speed of each model on this server, for a page without measurements. */
async function learnPaces(): Promise<void> {
  const { data } = await request<{ data: readonly Paced[] }>("GET", "/v1/models");
  for (const { id, inkstone } of data) {
    if (inkstone.secondsPerStep !== undefined) learnPace(id, inkstone.secondsPerStep, inkstone.defaults);
  }
}

export const edits = ({ references }: Pick<Model, "references">): boolean => (references?.max ?? 0) > 0;

/** The images of the draft as the model uses them: as a seed image, or as references. */
function inputsFor(chosen: Model): Parameters["inputs"] {
  const { seedImage, referenceImages = [], maskImage, strength } = draft.value.inputs ?? {};
  if (edits(chosen)) {
    const all = [...new Set([seedImage, ...referenceImages])].filter((image) => image !== undefined);
    return all.length === 0 ? undefined : { referenceImages: all.slice(0, chosen.references!.max) };
  }
  const [first = seedImage] = referenceImages;
  if (first === undefined) return undefined;
  return { seedImage: first, ...(maskImage && { maskImage }), ...(strength !== undefined && { strength }) };
}

/** Chooses a model with its defaults. */
export function chooseModel(chosen: Model): void {
  patchDraft(valuesOf(chosen));
  void prepare(chosen);
}

/** Loads a model on the server, if no task runs there, so that the first image comes sooner. */
export async function prepare({ air }: Pick<Model, "air">): Promise<void> {
  await request("POST", `/v1/models/${encodeURIComponent(air)}/load`).catch(() => {}); // a task reports what is wrong with it
}

/** Default size, steps and guidance of a model. By default, an editing model keeps the shape of the image. */
const valuesOf = (chosen: Model): Parameters =>
  ({
    model: chosen.air,
    width: edits(chosen) ? undefined : (chosen.defaultWidth ?? 1024),
    height: edits(chosen) ? undefined : (chosen.defaultHeight ?? 1024),
    inputs: inputsFor(chosen),
    steps: chosen.defaultSteps ?? 20,
    CFGScale: chosen.defaultCFG ?? 4,
    // Unchanged pixels stay identical only in a lossless format.
    outputFormat: draft.value.outputFormat ?? "PNG",
  }) as Parameters;

interface Shape {
  readonly label: string;
  readonly width: number;
  readonly height: number;
}

/** Aspect ratio, width to height. */
const ASPECTS = [1, 3 / 4, 4 / 3, 9 / 16, 16 / 9];
const SIDE_STEP = 16;

/** Sizes of the usual shapes with about the same number of pixels as a size. */
function sizesLike(width: number, height: number): readonly (readonly [number, number])[] {
  const round = (side: number) => Math.max(128, Math.round(side / SIDE_STEP) * SIDE_STEP);
  const side = Math.sqrt(width * height);
  return ASPECTS.map((aspect) => [round(side * Math.sqrt(aspect)), round(side / Math.sqrt(aspect))] as const);
}

/** The sizes to choose from: those of the model's training, or the usual shapes with its number of pixels. */
export const shapes = computed((): readonly Shape[] => {
  const { trainedSizes = [], defaultWidth = 1024, defaultHeight = 1024 } = model.value ?? {};
  const sizes = trainedSizes.length > 0 ? trainedSizes : sizesLike(defaultWidth, defaultHeight);
  return sizes.map(([width, height]) => ({ label: `${width}×${height}`, width, height }));
});

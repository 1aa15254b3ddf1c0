/** Earlier parameters for the next picture: all of them, some, or others nearby. */

import type { Parameters, Picture } from "../api/types.ts";
import { words } from "../text/index.ts";
import { changeDraft, draft, patchDraft, undo } from "./draft.ts";
import { drawAll } from "./drawing.ts";
import { edits, model } from "./models.ts";
import { tell } from "./notices.ts";
import { go } from "./route.ts";

/** Input pictures are known by their checksums when they came without an identifier: they cannot be sent again. */
const isLost = (reference: string | undefined) => reference?.startsWith("sha256:") ?? false;

/** The parameters without input pictures that this server does not have. */
export function repeatable(parameters: Parameters): Parameters {
  const { inputs, controlNet, taskType: _, ...rest } = parameters;
  const guides = controlNet?.filter(({ guideImage }) => !isLost(guideImage));
  const kept = inputs && !isLost(inputs.seedImage) && !isLost(inputs.maskImage) ? inputs : undefined;
  return {
    ...rest,
    ...(kept && { inputs: kept }),
    ...(guides && guides.length > 0 && { controlNet: guides }),
  } as Parameters;
}

/** Takes everything that made the picture, its seed too; can be undone. */
export function useAgain({ parameters }: Pick<Picture, "parameters">): void {
  // What a foreign picture leaves unsaid stays as it is.
  const { model: air, width, height, outputFormat } = draft.value;
  const own = { model: air, width, height, outputFormat } as Parameters;
  changeDraft({ ...own, ...repeatable(parameters ?? {}) });
  tell({ text: words.value.settingsTaken, action: { label: words.value.undo, run: undo } });
  go("draw");
}

/** Takes some of what made the picture. */
export function useSome(parameters: Parameters, keys: readonly (keyof Parameters & string)[]): void {
  patchDraft(Object.fromEntries(keys.map((key) => [key, parameters[key]])) as Parameters);
}

const VARIANTS = 4;

/** Draws four more of the same with other seeds; the draft stays. */
export async function vary({ parameters = {} }: Pick<Picture, "parameters">): Promise<void> {
  const { seed: _, ...rest } = repeatable(parameters);
  go("draw");
  await drawAll([{ ...rest, numberResults: VARIANTS } as Parameters]);
}

/** Puts a picture where drawing starts; for a model that edits, among its references. */
export function startFrom(imageUUID: string): void {
  const { referenceImages = [] } = draft.value.inputs ?? {};
  if (model.value !== undefined && edits(model.value)) {
    const kept = referenceImages.filter((image) => image !== imageUUID).slice(0, model.value.references!.max - 1);
    patchDraft({ inputs: { referenceImages: [...kept, imageUUID] } });
    return;
  }
  const { maskImage: _, ...inputs } = draft.value.inputs ?? {};
  patchDraft({ inputs: { ...inputs, seedImage: imageUUID } });
}

/** Uses earlier parameters for the next image: all, some, or similar ones. */

import type { Parameters, Picture } from "../api/types.ts";
import { words } from "../text/index.ts";
import { changeDraft, draft, patchDraft, undo } from "./draft.ts";
import { drawAll } from "./drawing.ts";
import { edits, model } from "./models.ts";
import { tell } from "./notices.ts";
import { go } from "./route.ts";

/** Input images without an identifier are recorded by their checksums, so they cannot be sent again. */
const isLost = (reference: string | undefined) => reference?.startsWith("sha256:") ?? false;

/** The parameters without input images that this server does not have. */
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

/** Uses all parameters of the image, with its seed. The user can undo it. */
export function useAgain({ parameters }: Pick<Picture, "parameters">): void {
  // A setting that a foreign image does not have keeps its value.
  const { model: air, width, height, outputFormat } = draft.value;
  const own = { model: air, width, height, outputFormat } as Parameters;
  changeDraft({ ...own, ...repeatable(parameters ?? {}) });
  tell({ text: words.value.settingsTaken, action: { label: words.value.undo, run: undo } });
  go("draw");
}

/** Uses some parameters of the image. */
export function useSome(parameters: Parameters, keys: readonly (keyof Parameters & string)[]): void {
  patchDraft(Object.fromEntries(keys.map((key) => [key, parameters[key]])) as Parameters);
}

const VARIANTS = 4;

/** Generates four more images with other seeds. The draft stays. */
export async function vary({ parameters = {} }: Pick<Picture, "parameters">): Promise<void> {
  const { seed: _, ...rest } = repeatable(parameters);
  go("draw");
  await drawAll([{ ...rest, numberResults: VARIANTS } as Parameters]);
}

/** Sets an image as the seed image, or adds it to the references of a model that edits. */
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

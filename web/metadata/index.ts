/** Reads the parameters of an image from its file, in the formats of Inkstone, AUTOMATIC1111 and ComfyUI. */

import type { Parameters } from "../api/types.ts";
import { fromA1111 } from "./a1111.ts";
import { fromComfyUI } from "./comfyui.ts";
import { fromInkstone } from "./inkstone.ts";
import { textsOf } from "./texts.ts";

/** The parameters in an image file; undefined when it has none that are readable. */
export async function readParameters(file: Blob): Promise<Parameters | undefined> {
  const { xmp, parameters, prompt } = await textsOf(new Uint8Array(await file.arrayBuffer()));
  return (
    (xmp === undefined ? undefined : fromInkstone(xmp)) ??
    (prompt === undefined ? undefined : fromComfyUI(prompt)) ??
    (parameters === undefined ? undefined : fromA1111(parameters))
  );
}

/** What a picture was made from, read from its file: Inkstone's, AUTOMATIC1111's and ComfyUI's ways of writing it. */

import type { Parameters } from "../api/types.ts";
import { fromA1111 } from "./a1111.ts";
import { fromComfyUI } from "./comfyui.ts";
import { fromInkstone } from "./inkstone.ts";
import { textsOf } from "./texts.ts";

/** The parameters in a picture file; undefined when it holds none that can be read. */
export async function readParameters(file: Blob): Promise<Parameters | undefined> {
  const { xmp, parameters, prompt } = await textsOf(new Uint8Array(await file.arrayBuffer()));
  return (
    (xmp === undefined ? undefined : fromInkstone(xmp)) ??
    (prompt === undefined ? undefined : fromComfyUI(prompt)) ??
    (parameters === undefined ? undefined : fromA1111(parameters))
  );
}

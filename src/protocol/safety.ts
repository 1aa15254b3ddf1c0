import { flag, group, oneOf } from "./field.ts";

export const SAFETY_MODES = ["none", "fast"] as const;

/** Content safety checking. `mode` wins over `checkContent`; the output carries both, in agreement. */
export const safety = group("Content safety checking.", {
  checkContent: flag("Turns safety checking on; alone it means mode `fast`.", { assumed: false }).optional(),
  mode: oneOf("`none` disables checks, `fast` performs a single check. Wins over `checkContent`.", SAFETY_MODES, {
    assumed: "none",
  }).optional(),
}).transform(({ checkContent, mode = checkContent === true ? "fast" : "none" }) => ({
  checkContent: mode !== "none",
  mode,
}));

import type { Parameters } from "../api/types.ts";
import { seedOf, withoutUnknown } from "./values.ts";

/**
 * Parses the text of AUTOMATIC1111's web UI and related programs: the prompt, `Negative prompt: …`, and a last line of
 * `Name: value` pairs. It ignores names of samplers, because another model needs another one.
 */
export function fromA1111(text: string): Parameters | undefined {
  const settings = /(?:^|\n)(Steps: \d+,.*)$/s.exec(text)?.[1];
  if (settings === undefined) return undefined;
  const above = text.slice(0, text.length - settings.length).trimEnd();
  const [positivePrompt = "", negativePrompt] = above.split(/\n?Negative prompt: /);
  const value = (name: string) => new RegExp(`(?:^|, )${name}: ("[^"]*"|[^,]*)`).exec(settings)?.[1]?.trim();
  const [width, height] = (value("Size") ?? "").split("x").map(Number);
  const number = (name: string) => (value(name) === undefined ? undefined : Number(value(name)));
  return withoutUnknown({
    positivePrompt: positivePrompt.trim(),
    negativePrompt: negativePrompt?.trim(),
    steps: number("Steps"),
    CFGScale: number("CFG scale"),
    seed: seedOf(value("Seed")),
    width,
    height,
  });
}

import type { Member } from "./members.ts";
import type { Grid } from "./rope.ts";
import type { Tokenize } from "./tokenizer.ts";

/** A prompt as the text encoder reads it. */
export interface PromptTokens {
  /** Template included, cut on the right as the reference does. */
  readonly ids: readonly number[];
  /** Where the tokens of each reference image begin, and their grid. */
  readonly images: readonly (Grid & { readonly start: number })[];
}

/**
 * Puts a prompt, and the reference images it speaks of, into the member's template.
 * @param grids of the images' tokens, in their order
 */
export function promptTokens(
  tokenize: Tokenize,
  { template, references }: Member,
  prompt: string,
  grids: readonly Grid[] = [],
): PromptTokens {
  const ids: number[] = [];
  const images: (Grid & { start: number })[] = [];
  let text = template.before;
  grids.forEach((grid, i) => {
    const [token] = tokenize("<|image_pad|>"); // stands for a cell of the image; the prompt may hold the same words
    ids.push(...tokenize(`${text}${references!.label(i + 1)}<|vision_start|>`));
    images.push({ ...grid, start: ids.length });
    for (let cell = 0; cell < grid.rows * grid.columns; cell++) ids.push(token!);
    text = "<|vision_end|>";
  });
  ids.push(...tokenize(text + prompt + template.after));
  return { ids: ids.slice(0, template.maxIds), images };
}

/**
 * The part of the text encoder's output that describes the prompt.
 * @param states [S, features]
 * @returns [T, features], T = S - dropped rows, at most the template's `maxEmbeddings`
 */
export function promptEmbeddings(states: Float32Array, features: number, { template }: Member): Float32Array {
  const { dropped, maxEmbeddings } = template;
  return states.slice(dropped * features, (dropped + maxEmbeddings) * features);
}

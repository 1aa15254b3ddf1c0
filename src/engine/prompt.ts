import type { HostTensor } from "../onnx/index.ts";
import type { Member } from "./members.ts";
import type { Grid } from "./rope.ts";
import type { Tokenize } from "./tokenizer.ts";

/** A prompt as the input of the text encoder. */
export interface PromptTokens {
  /** Ids of template and prompt, cut on the right as in the reference. */
  readonly ids: readonly number[];
  /** Start of the tokens of each reference image, and their grid. */
  readonly images: readonly (Grid & { readonly start: number })[];
}

/**
 * Puts a prompt and its reference images into the member's template.
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
    const [token] = tokenize("<|image_pad|>"); // represents a cell of the image; the prompt may contain the same words
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

type EncodePrompt = (prompt: string) => Promise<HostTensor>;

/** Bytes of embeddings to cache: nine of the longest prompts for the 20B checkpoint, or hundreds of usual ones. */
const REMEMBERED_BYTES = 64 * 2 ** 20;

/**
 * Encodes each prompt once: a request with faces, or the next request, gets the embeddings of recent prompts. They are shared, so callers
 * must not change them. An error is not cached.
 *
 * @param bytes of embeddings to keep. The least recently used are removed, but never the newest
 */
export function rememberPrompts(encode: EncodePrompt, bytes = REMEMBERED_BYTES): EncodePrompt {
  const known = new Map<string, Promise<HostTensor>>(); // the first one is the least recently used
  const sizes = new Map<string, number>();
  const forget = (prompt: string) => {
    known.delete(prompt);
    sizes.delete(prompt);
  };
  return async (prompt) => {
    const embeddings = known.get(prompt) ?? encode(prompt);
    known.delete(prompt);
    known.set(prompt, embeddings);
    const { data } = await embeddings.catch((error) => {
      forget(prompt);
      throw error;
    });
    if (known.has(prompt)) sizes.set(prompt, data.byteLength);
    const total = () => [...sizes.values()].reduce((sum, size) => sum + size, 0);
    for (const oldest of [...known.keys()].slice(0, -1)) {
      if (total() <= bytes) break;
      forget(oldest);
    }
    return embeddings;
  };
}

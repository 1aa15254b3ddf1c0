import type { HostTensor } from "../onnx/index.ts";
import type { Tokenize } from "./tokenizer.ts";

/** The chat template around every prompt; the text encoder was trained to describe pictures with it. */
const BEFORE =
  "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, " +
  "spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n";
const AFTER = "<|im_end|>\n<|im_start|>assistant\n";

/** Ids of the template's first part, whose embeddings are dropped: by position, whatever they turned out to be. */
export const TEMPLATE_IDS = 34;
const MAX_IDS = 1024 + TEMPLATE_IDS;
/** Embeddings that reach the transformer at most (`max_sequence_length` of the reference). */
export const MAX_EMBEDDINGS = 512;

/** Prompt → ids for the text encoder, template included, cut on the right as the reference does. */
export function promptIds(tokenize: Tokenize, prompt: string): number[] {
  return tokenize(BEFORE + prompt + AFTER).slice(0, MAX_IDS);
}

/**
 * The part of the text encoder's output that describes the prompt.
 * @param states [S, features]
 * @returns [T, features], T = min(S - 34, 512)
 */
export function promptEmbeddings(states: Float32Array, features: number): Float32Array {
  return states.slice(TEMPLATE_IDS * features, (TEMPLATE_IDS + MAX_EMBEDDINGS) * features);
}

type EncodePrompt = (prompt: string) => Promise<HostTensor>;

/** Of embeddings: nine prompts of the greatest length for the 20B checkpoint, hundreds of usual ones. */
const REMEMBERED_BYTES = 64 * 2 ** 20;

/**
 * Encodes each prompt once: a request with faces, or the next request, finds the last prompts' embeddings. They are shared:
 * nobody may write into them. A failure is not remembered.
 *
 * @param bytes embeddings that are kept; the least recently used are forgotten, but never the newest
 */
export function rememberPrompts(encode: EncodePrompt, bytes = REMEMBERED_BYTES): EncodePrompt {
  const known = new Map<string, Promise<HostTensor>>(); // least recently used first
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

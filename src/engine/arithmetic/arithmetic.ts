import type { AnyTensor, HostTensor } from "../../onnx/index.ts";

export type Term = readonly [weight: number, values: AnyTensor];

/**
 * Computes with latents, velocities and streams outside of the networks: in loops on the host, in small graphs on a GPU. So these
 * tensors stay on the GPU from step to step. They are [1, tokens, features]; those of the host may be mixed in. The caller frees
 * each result.
 */
export interface Arithmetic {
  /** `Σ weight · values`. The host sums in float64 and rounds once. */
  weightedSum(terms: readonly Term[]): Promise<AnyTensor>;
  /** The same, with every product and every sum rounded to float32, as torch computes it. */
  roundedSum(terms: readonly Term[]): Promise<AnyTensor>;
  /** `x` where `mask` is 1, `other` where it is 0. */
  choose(mask: HostTensor, x: AnyTensor, other: AnyTensor): Promise<AnyTensor>;
  /** `other` where `x` equals `before`, else `x`. */
  replaceUnchanged(x: AnyTensor, before: AnyTensor, other: AnyTensor): Promise<AnyTensor>;
  /** Tokens of `x`, then those of `others`. */
  append(x: AnyTensor, others: HostTensor): Promise<AnyTensor>;
  /** The first tokens. */
  first(x: AnyTensor, tokens: number): Promise<AnyTensor>;
  /**
   * Classifier-free guidance with Qwen-Image's norm rescale: `negative + scale · (positive - negative)`, brought at each token to
   * the length of `positive`. Source: model spec 6.3 (`QwenImagePipeline.__call__` in diffusers).
   * @param scale above 1
   */
  guide(positive: AnyTensor, negative: AnyTensor, scale: number): Promise<AnyTensor>;
  /** `LayerNorm(x) · scale + shift` of the first tokens. scale, shift: [features] */
  modulatedNorm(x: AnyTensor, scale: Float32Array, shift: Float32Array, tokens: number): Promise<AnyTensor>;
  /** `mean|a - b| / mean|b|` over all values: how much a is changed from b. */
  relativeChange(a: AnyTensor, b: AnyTensor): Promise<number>;
  /** True when no value is NaN or infinite. */
  allFinite(x: AnyTensor): Promise<boolean>;
  /** A copy on the host. */
  toHost(x: AnyTensor): Promise<HostTensor>;
  dispose(): Promise<void>;
}

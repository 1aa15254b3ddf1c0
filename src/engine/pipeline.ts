import { bundledCheckpoint, packedStill } from "../bundled.ts";
import { type Lazy, lazy } from "../onnx/index.ts";
import { CheckpointError } from "../weights/index.ts";
import { openCheckpoint } from "./checkpoint/checkpoint.ts";
import { generate } from "./generate.ts";
import { type LoadOptions, loadModel, type Model } from "./model.ts";
import type { GeneratedImage, GenerateHooks, GenerateParams } from "./params.ts";
import { fitPreviewer, type Previewer } from "./preview.ts";
import { completeRecipe } from "./recipe.ts";

/**
 * A loaded checkpoint. It generates images.
 *
 * @example
 * const pipeline = await Pipeline.load(); // the bundled checkpoint
 * const [image] = await pipeline.generate({ prompt: 'a sign that says "TEA"', width: 256, height: 256, seed: 42n });
 * // image.pixels: Uint8Array, [256, 256, 3]
 * await pipeline.dispose();
 */
export class Pipeline {
  readonly #model: Model;
  readonly #previewer: Lazy<Previewer>;

  private constructor(model: Model) {
    this.#model = model;
    this.#previewer = lazy(() => fitPreviewer(model));
  }

  /**
   * Loads a Qwen-Image checkpoint of any size in diffusers layout. Its config files set the dimensions.
   * @param folder of the checkpoint; absent: the one in the package
   * @throws CheckpointError naming the missing file, tensor, shape or unknown config key
   */
  static async load(folder: string = bundledCheckpoint, options: LoadOptions = {}): Promise<Pipeline> {
    const packed = packedStill(folder);
    if (packed) throw new CheckpointError(packed);
    return new Pipeline(await loadModel(await openCheckpoint(folder), options));
  }

  /**
   * Generates `count` images, one after the other. Image i equals that of a call with `seed + i` and a count of 1.
   * Equal parameters give equal bytes on one machine and build.
   *
   * It computes on the calling thread, in pieces of one network run. (A server uses an engine process instead.)
   *
   * @throws ParameterError naming the parameter, the value given and the values allowed
   * @throws the reason of `hooks.signal` when it aborts, within one step
   */
  async generate(params: GenerateParams, hooks: GenerateHooks = {}): Promise<GeneratedImage[]> {
    const recipe = completeRecipe(params, this.#model.member);
    hooks.signal?.throwIfAborted();
    return this.#model.controlNets.during(() => generate(this.#model, recipe, hooks, this.#previewer.get));
  }

  /** Frees the networks. The pipeline cannot be used afterwards. */
  dispose(): Promise<void> {
    return this.#model.dispose();
  }
}

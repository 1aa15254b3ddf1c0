import { randomInt } from "node:crypto";
import type { SessionOptions } from "../onnx/index.ts";
import type { GrayImage, RgbImage } from "../pictures/index.ts";
import { openCheckpoint } from "./checkpoint/checkpoint.ts";
import { checkControls } from "./control-net/check.ts";
import { generate, type Recipe } from "./generate.ts";
import { type Lazy, lazy } from "./lazy.ts";
import { checkLoras } from "./lora/check.ts";
import { loadModel, type Model } from "./model.ts";
import { type GeneratedImage, type GenerateHooks, type GenerateParams, ParameterError } from "./params.ts";
import { fitPreviewer, type Previewer } from "./preview.ts";
import { resolveScheduler } from "./schedulers/resolve.ts";
import { checkCache } from "./step-cache/check.ts";

/** Pictures are made of 16×16-pixel tokens. */
const TOKEN_PIXELS = 16;
const MAX_SIDE = 16_384;
const DEFAULTS = { negativePrompt: " ", steps: 20, scheduler: "Default", guidance: 4, count: 1, strength: 0.6 };

/**
 * A loaded checkpoint that draws.
 *
 * @example
 * const pipeline = await Pipeline.load("models/nano");
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
   * Loads a Qwen-Image checkpoint in diffusers layout, of any size; dimensions come from its config files.
   * @throws CheckpointError naming the missing file, tensor, shape or unknown config key
   */
  static async load(folder: string, options: SessionOptions = {}): Promise<Pipeline> {
    return new Pipeline(await loadModel(await openCheckpoint(folder), options));
  }

  /**
   * Draws `count` pictures, one after the other; picture i equals a call with `seed + i` alone.
   * Equal parameters give equal bytes on one machine and build.
   *
   * Pixels are computed on the calling thread in pieces of one network run (a server uses an engine process instead).
   *
   * @throws ParameterError naming the parameter, what was given and what is allowed
   * @throws the reason of `hooks.signal` when it aborts, within one step
   */
  async generate(params: GenerateParams, hooks: GenerateHooks = {}): Promise<GeneratedImage[]> {
    const recipe = completeRecipe(params);
    hooks.signal?.throwIfAborted();
    return this.#model.controlNets.during(() => generate(this.#model, recipe, hooks, this.#previewer.get));
  }

  /** Frees the networks. The pipeline must not be used afterwards. */
  dispose(): Promise<void> {
    return this.#model.dispose();
  }
}

/** Fills in defaults and refuses what cannot be drawn. */
function completeRecipe(params: GenerateParams): Recipe {
  const { prompt } = params;
  const { negativePrompt, steps, scheduler, guidance, count, strength } = { ...DEFAULTS, ...withoutUndefined(params) };
  if (typeof prompt !== "string") throw refused("prompt", prompt, "a string");
  if (typeof negativePrompt !== "string") throw refused("negativePrompt", negativePrompt, "a string");
  if (typeof scheduler !== "string") throw refused("scheduler", scheduler, "a string");
  if (!Number.isFinite(guidance)) throw refused("guidance", guidance, "a finite number");
  const seed = params.seed ?? BigInt(randomInt(2 ** 32));
  if (typeof seed !== "bigint" || seed < 0n || seed >= 1n << 64n)
    throw refused("seed", seed, "a bigint from 0 to 2⁶⁴-1");
  if (!(strength > 0 && strength <= 1)) throw refused("strength", strength, "a number above 0, up to 1");
  const width = snap(integer("width", params.width, TOKEN_PIXELS, MAX_SIDE));
  const height = snap(integer("height", params.height, TOKEN_PIXELS, MAX_SIDE));
  const { image, mask } = params;
  if (mask && !image) throw refused("mask", "given without an image", "a mask together with the image it belongs to");
  if (image) requireSize("image", image, width, height, 3);
  if (mask) requireSize("mask", mask, width, height, 1);
  return {
    prompt,
    negativePrompt,
    width,
    height,
    strength,
    ...(image && { image }),
    ...(mask && { mask }),
    ...(params.loras && { loras: checkLoras(params.loras) }),
    ...(params.controls && { controls: checkControls(params.controls, width, height) }),
    ...(params.schedule && { schedule: params.schedule }),
    ...(params.cache && { cache: checkCache(params.cache) }),
    steps: integer("steps", steps, 1, 1000),
    scheduler: resolveScheduler(scheduler).name,
    guidance,
    seed,
    count: integer("count", count, 1, 20),
  };
}

function withoutUndefined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

function snap(pixels: number): number {
  return pixels - (pixels % TOKEN_PIXELS);
}

function integer(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw refused(name, value, `a whole number from ${min} to ${max}`);
  }
  return value;
}

function requireSize(name: string, picture: RgbImage | GrayImage, width: number, height: number, channels: number) {
  const bytes = width * height * channels;
  if (picture.width !== width || picture.height !== height || picture.pixels.length !== bytes) {
    const given = `${picture.width}×${picture.height} with ${picture.pixels.length} bytes`;
    throw refused(name, given, `exactly ${width}×${height} with ${bytes} bytes`);
  }
}

function refused(name: string, value: unknown, allowed: string): ParameterError {
  return new ParameterError(
    name,
    `${name} is ${typeof value === "string" ? `"${value}"` : String(value)}; allowed: ${allowed}`,
  );
}

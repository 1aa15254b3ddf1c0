import { randomInt } from "node:crypto";
import { check, checkInteger, checkPicture } from "./check.ts";
import { checkControls } from "./control-net/params.ts";
import { checkLoras } from "./lora/params.ts";
import type { Member } from "./members.ts";
import type { GenerateParams } from "./params.ts";
import { checkReferences } from "./references.ts";
import { resolveScheduler } from "./schedulers/schedulers.ts";
import { checkCache } from "./step-cache/params.ts";
import { sizeOfArea } from "./vision/sizes.ts";

/** A request with all defaults: sizes are multiples of 16, numbers are in range. */
export type Recipe = Required<Omit<GenerateParams, Optional>> & Pick<GenerateParams, Optional>;
type Optional = "image" | "mask" | "cache" | "loras" | "controls" | "schedule";

/** Defaults of the engine. The API and the cards of models have different ones. */
const DEFAULTS = {
  /** A single space, as the model card recommends. */
  negativePrompt: " ",
  steps: 20,
  /** The model's Euler. */
  scheduler: "Default",
  guidance: 4,
  count: 1,
  /** The API's default; that of diffusers' image-to-image pipeline is 0.6. */
  strength: 0.8,
  references: [],
  referencePixels: 1024 * 1024,
};

/** Images consist of tokens of 16×16 pixels. */
const TOKEN_PIXELS = 16;
const MAX_SIDE = 16_384;

/**
 * Adds defaults and checks all parameters.
 * @throws ParameterError naming the parameter, the value given and the values allowed
 */
export function completeRecipe(params: GenerateParams, member: Member): Recipe {
  const {
    prompt,
    negativePrompt = DEFAULTS.negativePrompt,
    steps = DEFAULTS.steps,
    scheduler = DEFAULTS.scheduler,
    guidance = DEFAULTS.guidance,
    count = DEFAULTS.count,
    strength = DEFAULTS.strength,
    references = DEFAULTS.references,
    referencePixels = DEFAULTS.referencePixels,
    seed = BigInt(randomInt(2 ** 32)),
    ...rest
  } = params;
  check(typeof prompt === "string", "prompt", prompt, "a string");
  check(typeof negativePrompt === "string", "negativePrompt", negativePrompt, "a string");
  check(typeof scheduler === "string", "scheduler", scheduler, "a string");
  check(Number.isFinite(guidance), "guidance", guidance, "a finite number");
  check(typeof seed === "bigint" && seed >= 0n && seed < 1n << 64n, "seed", seed, "a bigint from 0 to 2⁶⁴-1");
  check(strength > 0 && strength <= 1, "strength", strength, "a number above 0, up to 1");
  checkInteger("steps", steps, 1, 1000);
  checkInteger("count", count, 1, 20);
  checkInteger("referencePixels", referencePixels, 1024, 2048 * 2048);
  checkReferences(references, member, rest);
  const last = references.at(-1);
  const natural = last && sizeOfArea(referencePixels, last);
  const { width = natural?.width, height = natural?.height } = rest;
  checkInteger("width", width, TOKEN_PIXELS, MAX_SIDE);
  checkInteger("height", height, TOKEN_PIXELS, MAX_SIDE);
  const size = { width: snap(width), height: snap(height) };
  const { image, mask, cache, loras, controls } = rest;
  check(!mask || image !== undefined, "mask", "given without an image", "a mask together with its image");
  if (image) checkPicture("image", image, { ...size, channels: 3 });
  if (mask) checkPicture("mask", mask, { ...size, channels: 1 });
  if (loras) checkLoras(loras);
  if (controls) checkControls(controls, size);
  if (cache) checkCache(cache);
  const { name } = resolveScheduler(scheduler);
  return {
    ...{ ...rest, ...size, prompt, negativePrompt, references, referencePixels },
    ...{ steps, scheduler: name, guidance, count, strength, seed },
  };
}

function snap(pixels: number): number {
  return pixels - (pixels % TOKEN_PIXELS);
}

import type { HostTensor } from "../onnx/index.ts";
import type { Canvas } from "./canvas.ts";
import { steering } from "./control-net/steering.ts";
import { guide } from "./guidance.ts";
import { experts } from "./lora/experts.ts";
import type { LoraParams } from "./lora/params.ts";
import type { Model } from "./model.ts";
import type { ControlParams, GenerateHooks } from "./params.ts";
import { jointRotary, type RotaryTable } from "./rope.ts";
import type { StepPlace } from "./step-cache/cache.ts";
import type { CacheParams } from "./step-cache/params.ts";
import { createStepCache, cutsFor } from "./step-cache/step-cache.ts";
import { skipTally } from "./step-cache/tally.ts";
import type { Attachments, Pass } from "./transformer-chain.ts";

/** What the transformer is told to draw or to avoid. */
interface Condition {
  readonly text: HostTensor; // [1, T, features]
  readonly rotary: RotaryTable;
}

export interface Guidance {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** True classifier-free guidance; at 1 or below the negative prompt is not even encoded. */
  readonly guidance: number;
  readonly cache?: CacheParams;
  readonly loras?: readonly LoraParams[];
  readonly controls?: readonly ControlParams[];
}

/** The velocity that one picture follows, and what its cache spared. */
export interface PictureFlow {
  /** @param sigma any noise level; @param place the step it is asked for in */
  velocity(latents: Float32Array, sigma: number, place: StepPlace): Promise<Float32Array>;
  /** Steps that a cache answered; undefined without a cache. */
  skippedSteps(): number | undefined;
}

/** What a flow needs to know of the request and of who asks. */
export interface FlowContext {
  /** The whole schedule, steps + 1 levels; a solver's levels in between are prepared as it asks for them. */
  readonly sigmas: readonly number[];
  readonly hooks: Pick<GenerateHooks, "signal" | "onWarning">;
}

/** The velocity at any noise level, guided away from the negative prompt. The result is called once for each picture. */
export async function guidedVelocity(
  model: Model,
  canvas: Canvas,
  { prompt, negativePrompt, guidance, cache, loras = [], controls = [] }: Guidance,
  { sigmas, hooks }: FlowContext,
): Promise<() => PictureFlow> {
  const condition = async (text: HostTensor): Promise<Condition> => ({
    text,
    rotary: jointRotary(text.dims[1]!, [canvas], model.ropeAxes),
  });
  const conditions = [await condition(await model.encodePrompt(prompt))];
  if (guidance > 1) conditions.push(await condition(await model.encodePrompt(negativePrompt)));
  const expertAt = await experts(model, loras, sigmas, hooks.onWarning ?? (() => {}));
  const steer = await steering(model, canvas, controls, sigmas, conditions[0]!);
  if (cache) await model.transformer.openAt(cutsFor(cache, model.transformer.blocks));

  return () => {
    const tally = cache && skipTally();
    const caches = conditions.map(() => cache && createStepCache(cache, model.transformer));
    const predict = async (branch: number, pass: Pass, place: StepPlace) => {
      const cached = await caches[branch]?.velocity(pass, place);
      if (cached) tally?.record(place.step, cached.skipped);
      return cached ? cached.velocity : model.velocity(pass);
    };
    return {
      async velocity(data, sigma, place) {
        const latents = { data, dims: [1, canvas.tokens, canvas.features] };
        const expert = expertAt(place.step);
        const modulation = await expert.modulation(sigma);
        const steered = await steer(latents, sigma, place.step);
        const velocities: Float32Array[] = []; // [1, L, 4C] each
        for (const [branch, { text, rotary }] of conditions.entries()) {
          hooks.signal?.throwIfAborted();
          const attachments = joined(expert.attachments, branch === 0 ? steered?.wanted : steered?.avoided);
          velocities.push(await predict(branch, { latents, text, rotary, modulation, attachments }, place));
        }
        const [wanted, avoided] = velocities;
        return avoided ? guide(wanted!, avoided, guidance, canvas.features) : wanted!;
      },
      skippedSteps: () => tally?.skippedSteps(),
    };
  };
}

/** What adapters and ControlNets add, together. */
function joined(adapters: Attachments | undefined, controls: Attachments | undefined): Attachments | undefined {
  if (!adapters || !controls) return adapters ?? controls;
  return { ...adapters, ...controls, feeds: { ...adapters.feeds, ...controls.feeds } };
}

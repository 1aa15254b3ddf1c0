import type { Canvas } from "./canvas.ts";
import { guide } from "./guidance.ts";
import type { Model } from "./qwen-image/model.ts";
import { jointRotary, type RotaryTable } from "./qwen-image/rope.ts";
import type { HostTensor } from "./runtime/session.ts";
import type { Velocity } from "./schedulers/solver.ts";

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
}

/**
 * The velocity at any noise level, guided away from the negative prompt.
 * @param sigmas the levels of the schedule; a solver's levels in between are prepared as it asks for them
 */
export async function guidedVelocity(
  model: Model,
  canvas: Canvas,
  { prompt, negativePrompt, guidance }: Guidance,
  sigmas: readonly number[],
  signal?: AbortSignal,
): Promise<Velocity> {
  const condition = async (text: HostTensor): Promise<Condition> => ({
    text,
    rotary: jointRotary(text.dims[1]!, canvas.rows, canvas.columns, model.ropeAxes),
  });
  const positive = await condition(await model.encodePrompt(prompt));
  const negative = guidance > 1 ? await condition(await model.encodePrompt(negativePrompt)) : undefined;
  const modulation = await modulationsOf(model, sigmas);

  return async (latents, sigma) => {
    const predict = async ({ text, rotary }: Condition) => {
      signal?.throwIfAborted();
      const packed = { data: latents, dims: [1, canvas.tokens, canvas.features] };
      return model.velocity(packed, text, rotary, await modulation(sigma)); // [1, L, 4C]
    };
    const wanted = await predict(positive);
    return negative ? guide(wanted, await predict(negative), guidance, canvas.features) : wanted;
  };
}

/** Modulations of all scheduled noise levels in one run. */
async function modulationsOf(
  model: Model,
  sigmas: readonly number[],
): Promise<(sigma: number) => Promise<Float32Array>> {
  const rows = await model.modulations(sigmas);
  const known = new Map(sigmas.map((sigma, i) => [sigma, rows[i]!]));
  return async (sigma) => {
    const modulation = known.get(sigma) ?? (await model.modulations([sigma]))[0]!;
    known.set(sigma, modulation);
    return modulation;
  };
}

import { generate } from "../../src/engine/generate.ts";
import type { GenerateParams } from "../../src/engine/index.ts";
import type { Model } from "../../src/engine/model.ts";
import { completeRecipe } from "../../src/engine/recipe.ts";
import type { HostTensor } from "../../src/onnx/index.ts";

/** What passed between the engine's parts, under the reference's names and in order, and the picture. */
export interface Recorded {
  readonly stages: ReadonlyMap<string, Float32Array>;
  readonly picture: Uint8Array;
}

/**
 * Draws with the engine's own recipe and keeps what passes between its parts.
 * @param start the reference's name for the first latents
 */
export async function record(model: Model, params: GenerateParams, start: "noise" | "start"): Promise<Recorded> {
  const recipe = completeRecipe(params, model.member);
  const stages = new Map<string, Float32Array>();
  const passes = recipe.guidance > 1 ? 2 : 1;
  const values = (recipe.width / 16) * (recipe.height / 16) * 64;
  let prompts = 0;
  let forwards = 0;
  const recording: Model = {
    ...model,
    async encodePrompt(text, references) {
      const embeddings = await model.encodePrompt(text, references);
      stages.set(prompts++ === 0 ? "embeddings" : "negative/embeddings", embeddings.data);
      return embeddings;
    },
    async velocity(pass) {
      const [step, branch] = [Math.floor(forwards / passes), forwards++ % passes];
      const { data } = pass.latents as HostTensor;
      if (branch === 0) stages.set(step === 0 ? start : `latents/${step - 1}`, data.slice(0, values));
      if (forwards === 1 && data.length > values) stages.set("condition", data.slice(values));
      const velocity = await model.velocity(pass);
      const { data: predicted } = velocity as HostTensor;
      if (step === 0) stages.set(branch === 0 ? "velocity" : "velocity/negative", predicted.slice(0, values));
      return velocity;
    },
  };
  const [image] = await generate(recording, recipe, {}, () => Promise.reject(new Error("no preview wanted")));
  return { stages, picture: image!.pixels };
}

import { join } from "node:path";
import type { Weights } from "../../weights/index.ts";
import { buildTimeGraph } from "../modulations.ts";
import { buildTransformer } from "../transformer.ts";
import { readConfig, type TransformerConfig, transformerConfig } from "./config.ts";

/** By name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

/** The tensors that graphs ask for while they are built, before there are any weights. */
export function askedTensors(build: (weights: Weights) => void): TensorShapes {
  const shapes = new Map<string, readonly number[]>();
  build({
    folder: "",
    names: [],
    has: () => false,
    find: () => undefined,
    get(name, shape) {
      shapes.set(name, shape);
      return { dtype: "F32", shape, offset: 0, byteLength: 0, file: "/nowhere" };
    },
  });
  return shapes;
}

/** All tensors of a transformer of this config. */
export function transformerTensors(config: TransformerConfig): TensorShapes {
  return askedTensors((weights) => {
    buildTransformer(config, weights);
    buildTimeGraph(config, weights);
  });
}

/**
 * The tensors of a transformer whose weights are not here yet.
 * @param folder the one that its `config.json` lies in
 * @throws CheckpointError naming what is wrong with the config
 */
export async function expectedTensors(folder: string): Promise<TensorShapes> {
  return transformerTensors(await readConfig(join(folder, "config.json"), transformerConfig));
}

import { join } from "node:path";
import type { Weights } from "../../weights/index.ts";
import { buildTimeGraph } from "../modulations.ts";
import { buildTransformer } from "../transformer.ts";
import { readConfig, type TransformerConfig, transformerConfig } from "./config.ts";

/** Shapes by tensor name. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

/** The tensors that graphs request while they are built, before any weights exist. */
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

/** All tensors of a transformer with this config. */
export function transformerTensors(config: TransformerConfig): TensorShapes {
  return askedTensors((weights) => {
    buildTransformer(config, weights);
    buildTimeGraph(config, weights);
  });
}

/**
 * The tensors of a transformer whose weights are not on this machine yet.
 * @param folder of its `config.json`
 * @throws CheckpointError naming the fault in the config
 */
export async function expectedTensors(folder: string): Promise<TensorShapes> {
  return transformerTensors(await readConfig(join(folder, "config.json"), transformerConfig));
}

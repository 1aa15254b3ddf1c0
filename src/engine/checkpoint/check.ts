import { CheckpointError, elementsOf, openWeights, tensorReader, type Weights } from "../../weights/index.ts";
import { buildTimeGraph } from "../modulations.ts";
import { buildTextEncoder } from "../text-encoder.ts";
import { loadTokenizer } from "../tokenizer.ts";
import { buildTransformer } from "../transformer.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../vae.ts";
import { buildVisionTower } from "../vision/tower.ts";
import { openCheckpoint } from "./checkpoint.ts";

/** Tensors up to this number of values are read by the check: norms, biases, scales. */
const SMALL = 1 << 20;

/**
 * Checks that configs, tokenizer and weights of a checkpoint exist and fit together, tensor by tensor. It loads no network, and reads the
 * values of small tensors only.
 *
 * @param open opens the weights of a component; replace it for weights that are not in the folder yet
 * @throws CheckpointError naming the file, key, tensor or size that does not fit, or a tensor with values that are not finite
 */
export async function checkCheckpoint(folder: string, open: typeof openWeights = openWeights): Promise<void> {
  const { textEncoder, transformer, vae, tokenizerFolder } = await openCheckpoint(folder, open);
  await loadTokenizer(tokenizerFolder);
  buildTransformer(transformer.config, transformer.weights);
  buildTimeGraph(transformer.config, transformer.weights);
  buildTextEncoder(textEncoder.config, textEncoder.weights);
  if (textEncoder.vision) buildVisionTower(textEncoder.vision, textEncoder.weights);
  buildVaeDecoder(vae.config, vae.weights);
  buildVaeEncoder(vae.config, vae.weights);
  for (const { weights } of [transformer, textEncoder, vae]) requireFinite(weights);
}

function requireFinite(weights: Weights): void {
  const reader = tensorReader();
  try {
    for (const name of weights.names) {
      const weight = weights.find(name)!;
      const numbers = weight.quantised?.scale ?? weight;
      const isFloat = /^(B?F16|F32)$/.test(numbers.dtype);
      if (!isFloat || numbers.file === "" || elementsOf(numbers.shape) > SMALL) continue;
      const odd = reader.read(numbers).find((value) => !Number.isFinite(value));
      if (odd !== undefined) throw new CheckpointError(`${numbers.file}: tensor "${name}" holds ${odd}`);
    }
  } finally {
    reader.close();
  }
}

import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quantiser } from "../../src/onnx/index.ts";
import { openWeights, type StoredForm, tensorReader } from "../../src/weights/index.ts";
import { storedFormsMetadata } from "../../src/weights/stored-form.ts";
import { type StoredTensor, writeSafetensors } from "./safetensors.ts";

const PARTS = [
  ["transformer", "diffusion_pytorch_model"],
  ["text_encoder", "model"],
] as const;

/** A copy of a checkpoint whose blocks and layers are in int8. @param rotation group of the rotation */
export async function int8Checkpoint(from: string, to: string, rotation = 64): Promise<void> {
  await cp(from, to, { recursive: true });
  const rounding = quantiser({ threads: 1 });
  const reader = tensorReader();
  for (const [part, stem] of PARTS) {
    const weights = await openWeights(join(from, part), stem);
    const tensors = new Map<string, StoredTensor>();
    const forms = new Map<string, StoredForm>();
    for (const name of weights.names) {
      const weight = weights.find(name)!;
      const [out = 0, width = 0] = weight.shape;
      const large = weight.shape.length === 2 && /^(transformer_blocks|model\.(language_model\.)?layers)\./.test(name);
      if (large && width % rotation === 0) {
        const { codes, scales } = await rounding.int8(reader.read(weight), out, rotation);
        tensors.set(name, { data: codes, dims: [width, out] });
        tensors.set(`${name}_scale`, { data: scales, dims: [out] });
        forms.set(name, { form: "int8", rotation });
      } else tensors.set(name, { data: reader.read(weight), dims: weight.shape });
    }
    await writeFile(join(to, part, `${stem}.safetensors`), writeSafetensors(tensors, storedFormsMetadata(forms)));
  }
  reader.close();
  await rounding.release();
}

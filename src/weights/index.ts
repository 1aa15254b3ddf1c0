/** Files of weights: their tensors, positions and values. */
export { CheckpointError, fileIdentity, readJson } from "./checkpoint-file.ts";
export { tabulate } from "./decode-floats.ts";
export { rotateGroups, rotationMatrix } from "./rotation.ts";
export { readSafetensorsHeader, type SafetensorsHeader, type StoredType, type TensorEntry } from "./safetensors.ts";
export type { BlockType, Codes } from "./sources/block-types.ts";
export { type ByteSource, fileBytes } from "./sources/byte-source.ts";
export { foreignFile, openSource, sourceOf } from "./sources/open-source.ts";
export { elementsOf, type SourceTensor, type TensorSource } from "./sources/tensor-source.ts";
export type { BlocksForm, Int8Form, StoredForm } from "./stored-form.ts";
export { storedFormsMetadata } from "./stored-form.ts";
export { type TensorReader, tensorReader } from "./tensor-reader.ts";
export { listShards, openWeights, type Quantised, type Weight, type Weights, weightsFile } from "./weights.ts";
export { type TensorToWrite, type WriteJob, writeSafetensorsFile } from "./write-safetensors.ts";

/** How linear layers are to be stored: rounded, or as close to the file as ONNX Runtime can read them. */
export const WEIGHT_MODES = ["int8", "int4", "keep"] as const;
export type WeightMode = (typeof WEIGHT_MODES)[number];

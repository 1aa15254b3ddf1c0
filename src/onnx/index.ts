/** ONNX graphs built from weights that stay in their files, and sessions of ONNX Runtime that run them. */
export { type Free, freeAll } from "./free-all.ts";
export { type BuiltGraph, type Dim, type FedWeights, Graph, type Value } from "./graph.ts";
export {
  attention,
  headNorm,
  linear,
  modulatedNorm,
  rmsNorm,
  rotate,
  shapeWith,
  silu,
} from "./layers.ts";
export {
  createSession,
  type HostTensor,
  type OnnxFile,
  openOnnxFile,
  type Session,
  type SessionOptions,
} from "./session.ts";
export { type SessionPool, sessionPool } from "./session-pool.ts";

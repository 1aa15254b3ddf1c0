/** Builds ONNX graphs with weights that stay in their files, and runs them in sessions of ONNX Runtime. */

export {
  type Device,
  DeviceError,
  type DeviceName,
  deviceName,
  EXACT,
  freeDeviceMemory,
  type Precision,
} from "./device.ts";
export { type BuiltGraph, copiedBytes, type Dim, type FedWeights, Graph, NO_WEIGHTS, type Value } from "./graph.ts";
export { kernels } from "./kernels.ts";
export {
  attention,
  convolution,
  headNorm,
  modulatedNorm,
  modulatedNormByRow,
  parts,
  rmsNorm,
  rotate,
  shapeWith,
  silu,
} from "./layers.ts";
export { type Free, freeAll, type Lazy, lazy } from "./lifetime.ts";
export { linear } from "./linear.ts";
export { type OpenedDevice, openDevice, processor } from "./open-device.ts";
export { countOperators, type OperatorCount } from "./operator-count.ts";
export { type Quantiser, quantiser } from "./quantiser.ts";
export {
  type AnyTensor,
  createSession,
  type DeviceTensor,
  type Feeds,
  type HostTensor,
  isOnDevice,
  type OnnxFile,
  openOnnxFile,
  runtimeVersion,
  type Session,
  type SessionOptions,
} from "./session.ts";
export { type SessionPool, sessionPool } from "./session-pool.ts";
export { free, type Transfers, transfers } from "./transfers.ts";

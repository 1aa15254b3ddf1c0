import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Where networks run: a provider of ONNX Runtime. */
export type Provider = "cpu" | "webgpu" | "cuda";

/** Properties of a device that affect a graph and its session. */
export interface Device {
  readonly provider: Provider;
  /** Number of the CUDA device. */
  readonly index?: number;
  /**
   * Bits of an activation in integer products. x64 processors without VNNI add pairs of 8×8 bit products in 16 bits. There 255 · 127 · 2
   * saturates silently, while 127 · 127 · 2 fits.
   */
  readonly activationBits: 8 | 7;
  /**
   * `fused`: one operator. `written out`: products and softmax, one head at a time. On some adapters the fused operator of WebGPU is wrong
   * by 9 to 18 % for 32 or more tokens, without an error. `openDevice` tests it.
   */
  readonly attention: "fused" | "written out";
  /**
   * Numbers in products of matrices and in attention. With `float16` their operands are rounded to it. Norms and sums of
   * streams stay in float32: streams and their squares exceed the largest float16, 65,504.
   */
  readonly precision: "float32" | "float16";
  /** Most outputs of one `Split`. WebGPU binds each as a buffer, and adapters allow as few as eight in a shader. */
  readonly widestSplit: number;
}

/** A processor with exact integer products: x64 with VNNI or AMX, ARM. */
export const EXACT: Device = {
  provider: "cpu",
  activationBits: 8,
  attention: "fused",
  precision: "float32",
  widestSplit: Number.POSITIVE_INFINITY,
};

/** A device as operators name it: `cpu`, `webgpu`, `cuda`, `cuda:1`. `auto` uses a GPU if it computes correctly and faster. */
export type DeviceName = "auto" | "cpu" | "webgpu" | "cuda" | `cuda:${number}`;

/** Numbers that a GPU multiplies. `auto` selects float16 if the device has it and passes its test. The processor uses float32. */
export type Precision = "auto" | "float32" | "float16";

/** The name of a device, a `DeviceName`. */
export const deviceName = ({ provider, index }: Device): string => (index ? `${provider}:${index}` : provider);

/** A device that cannot be used, or failed. The message has its name, the reason, and what to do. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
}

/** Free bytes of a GPU, from its command line tool; undefined without such a tool: WebGPU does not report it. */
export async function freeDeviceMemory({ provider, index = 0 }: Device): Promise<number | undefined> {
  if (provider !== "cuda") return undefined;
  const query = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", `--id=${index}`];
  const told = await promisify(execFile)("nvidia-smi", query, { timeout: 10_000 }).catch(() => undefined);
  const mebibytes = Number(told?.stdout.trim() || Number.NaN);
  return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined;
}

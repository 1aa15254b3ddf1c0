import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Where networks run: the provider of ONNX Runtime. */
export type Provider = "cpu" | "webgpu" | "cuda";

/** What a graph and its session have to know of the device that runs them. */
export interface Device {
  readonly provider: Provider;
  /** Which of several CUDA devices. */
  readonly index?: number;
  /**
   * Bits of an activation in integer products. Processors of the x64 family without VNNI add pairs of 8 × 8 bit products in
   * 16 bits: 255 · 127 · 2 does not fit and is cut off silently, 127 · 127 · 2 does.
   */
  readonly activationBits: 8 | 7;
  /**
   * `fused`: one operator. `written out`: products and softmax, a few heads at a time. The fused operator of WebGPU is wrong by 9 to
   * 18 % for 32 or more tokens on some adapters, without an error: `openDevice` tries it.
   */
  readonly attention: "fused" | "written out";
  /** Outputs that one `Split` may have. WebGPU binds each as a buffer; adapters allow as few as eight in a shader. */
  readonly widestSplit: number;
}

/** A processor whose integer products are exact: x64 with VNNI or AMX, ARM. */
export const EXACT: Device = {
  provider: "cpu",
  activationBits: 8,
  attention: "fused",
  widestSplit: Number.POSITIVE_INFINITY,
};

/** A device as operators name it: `cpu`, `webgpu`, `cuda`, `cuda:1`; `auto` takes a GPU where one is right and faster. */
export type DeviceName = "auto" | "cpu" | "webgpu" | "cuda" | `cuda:${number}`;

/** The name of a device, as `DeviceName` has it. */
export const deviceName = ({ provider, index }: Device): string => (index ? `${provider}:${index}` : provider);

/** A device that cannot be used, or failed at its work; the message names it, why, and what to do. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
}

/** Bytes that are free on a GPU, by its own tool; undefined where there is none to ask: WebGPU does not tell. */
export async function freeDeviceMemory({ provider, index = 0 }: Device): Promise<number | undefined> {
  if (provider !== "cuda") return undefined;
  const query = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", `--id=${index}`];
  const told = await promisify(execFile)("nvidia-smi", query, { timeout: 10_000 }).catch(() => undefined);
  const mebibytes = Number(told?.stdout.trim() || Number.NaN);
  return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined;
}

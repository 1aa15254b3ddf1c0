import { cudaLoadProblem, missingCudaLibrary } from "./cuda-provider.ts";
import { type Device, DeviceError, type DeviceName, deviceName, EXACT, type Precision } from "./device.ts";
import { Graph, NO_WEIGHTS } from "./graph.ts";
import { activationBits } from "./integer-probe.ts";
import { attention } from "./layers.ts";
import { createSession } from "./session.ts";

/** An open device, and one line that explains the choice. */
export interface OpenedDevice {
  readonly device: Device;
  readonly note: string;
  /** True when `auto` chose it: the processor is an alternative. */
  readonly chosen?: boolean;
}

/** Tests of a device. Replace them to simulate failures. */
export interface SelfTests {
  /** Relative error of attention on the device. */
  attentionError(device: Device): Promise<number>;
  /** Milliseconds of a product on the device. */
  productTime(device: Device): Promise<number>;
}

const SELF_TESTS: SelfTests = { attentionError, productTime };

interface OpenOptions {
  readonly integers?: boolean;
  readonly precision?: Precision;
  readonly tests?: SelfTests;
}

/** Adapters allow at least eight storage buffers in a shader; the input takes one. */
const WEBGPU_SPLIT = 7;
/** Above this error the fused operator counts as wrong: float32 differs by 1e-6 and float16 by 1e-3, a defect by a tenth. */
const TOLERANCE = { float32: 1e-3, float16: 1e-2 };

/**
 * Opens a device by name and tests what its graphs may use.
 *
 * @param options.precision numbers that a GPU multiplies. Default: float32
 * @param options.integers true for int8 weights: tests the integer products of the processor
 * @throws DeviceError when a GPU that was requested by name cannot be used. `auto` falls back to the processor with a reason
 */
export async function openDevice(
  name: DeviceName = "cpu",
  { integers = true, precision = "float32", tests = SELF_TESTS }: OpenOptions = {},
): Promise<OpenedDevice> {
  if (name === "cpu") return { device: await processor(integers), note: "cpu" };
  if (name !== "auto") return gpu(name, precision, tests);
  const refused: string[] = [];
  for (const candidate of ["cuda", "webgpu"] as const) {
    try {
      const opened = await gpu(candidate, precision, tests);
      const [there, here] = [await tests.productTime(opened.device), await tests.productTime(EXACT)];
      const times = `${there.toFixed(0)} ms for ${here.toFixed(0)} ms`;
      if (there < here)
        return { ...opened, chosen: true, note: `${opened.note}: faster than the processor (${times})` };
      refused.push(`${candidate} is slower than the processor (${times})`);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      refused.push(error.message);
    }
  }
  return { device: await processor(integers), note: `cpu: ${refused.join("; ")}` };
}

/** @param integers true for int8 weights: tests the integer products */
export async function processor(integers: boolean): Promise<Device> {
  return integers ? { ...EXACT, activationBits: await activationBits() } : EXACT;
}

async function gpu(
  name: Exclude<DeviceName, "auto" | "cpu">,
  precision: Precision,
  tests: SelfTests,
): Promise<OpenedDevice> {
  const [provider, index] = name.split(":") as ["webgpu" | "cuda", string | undefined];
  // Checked here because ONNX Runtime writes red lines to stderr.
  const missing = provider === "cuda" ? missingCudaLibrary() : undefined;
  if (missing) throw new DeviceError(`${name} cannot be used: ${missing}. ${ADVICE.cuda}`);
  const device: Device = {
    ...EXACT,
    provider,
    index: index === undefined ? undefined : Number(index),
    widestSplit: provider === "webgpu" ? WEBGPU_SPLIT : EXACT.widestSplit,
  };
  const error = await tests.attentionError(device).catch((cause: Error) => {
    const why = reason(cause);
    const problem = why.includes("Failed to load shared library") ? cudaLoadProblem() : why;
    throw new DeviceError(`${name} cannot be used: ${problem}. ${ADVICE[provider]}`, { cause });
  });
  const opened = await withRightAttention(device, error, tests);
  if (precision === "float32") return opened;
  try {
    const half: Device = { ...opened.device, precision: "float16" };
    const { device, note } = await withRightAttention(half, await tests.attentionError(half), tests);
    const said = device.attention === opened.device.attention ? opened.note : note;
    return { device, note: `${said}, products in float16` };
  } catch (cause) {
    const refusal = `no float16 (${reason(cause as Error)})`;
    if (precision === "auto") return { ...opened, note: `${opened.note}, ${refusal}` };
    throw new DeviceError(`${name} has ${refusal}. Use a precision of float32 or auto`, { cause });
  }
}

/** @param error of its attention so far */
async function withRightAttention(device: Device, error: number, tests: SelfTests): Promise<OpenedDevice> {
  const tolerance = TOLERANCE[device.precision];
  const name = deviceName(device);
  if (error <= tolerance) return { device, note: name };
  const careful: Device = { ...device, attention: "written out" };
  const left = device.attention === "written out" ? error : await tests.attentionError(careful);
  if (left > tolerance) {
    throw new DeviceError(
      `${name} computes attention with an error of ${percent(left)}. Update its driver, or use --device cpu`,
    );
  }
  return {
    device: careful,
    note: `${name}, attention written out (the fused operator has an error of ${percent(error)})`,
  };
}

const ADVICE = {
  webgpu: "It needs a driver for Vulkan, Metal or Direct3D 12",
  cuda: "It needs an NVIDIA driver, and the libraries of the CUDA provider beside the library of ONNX Runtime; see docs/operators/gpu.md",
} as const;

/** The message of ONNX Runtime. Its last part is meant for people. */
function reason({ message, cause }: Error): string {
  const said = cause instanceof Error ? cause.message : message;
  return (said.split(/was false\. |Status Message: /).at(-1) ?? said).split("\n")[0]!.trim();
}
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const TOKENS = 96;
const HEADS = 4;
const HEAD_DIM = 64;

/** Attention of 96 tokens on the device compared with the processor: root of squared differences over that of squares. */
async function attentionError(device: Device): Promise<number> {
  const [wanted, got] = [await attended(EXACT), await attended(device)];
  let [difference, size] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    difference += (got[i]! - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}

async function attended(device: Device): Promise<Float32Array> {
  const dims = [1, TOKENS, HEADS * HEAD_DIM];
  const g = new Graph("attention test", NO_WEIGHTS, undefined, device);
  const [q, k, v] = ["q", "k", "v"].map((name) => g.input(name, dims));
  g.output("attended", attention(g, q!, k!, v!, { heads: HEADS, headDim: HEAD_DIM }), dims);
  const session = await createSession(g.build(), { device });
  try {
    const results = await session.run({ q: wave(dims, 1), k: wave(dims, 2), v: wave(dims, 3) });
    return results.attended!.data;
  } finally {
    await session.release();
  }
}

const SIDE = 512;
const PRODUCTS = 4;

/** Milliseconds for a chain of products of 512×512, the better of two runs after one that compiles. */
async function productTime(device: Device): Promise<number> {
  const dims = [SIDE, SIDE];
  const g = new Graph("speed test", NO_WEIGHTS, undefined, device);
  const x = g.input("x", dims);
  let y = x;
  for (let i = 0; i < PRODUCTS; i++) y = g.op("MatMul", [y, x]);
  g.output("sum", g.op("ReduceSum", [y, g.ints([1])], { keepdims: 0 }), [SIDE]);
  const session = await createSession(g.build(), { device });
  try {
    const feeds = { x: { data: new Float32Array(SIDE * SIDE).fill(1 / SIDE), dims } };
    const times: number[] = [];
    for (let run = 0; run < 3; run++) {
      const began = performance.now();
      await session.run(feeds);
      times.push(performance.now() - began);
    }
    return Math.min(...times.slice(1));
  } finally {
    await session.release();
  }
}

/** Values from -1 to 1, the same in every run. */
function wave(dims: readonly number[], phase: number) {
  const data = new Float32Array(dims.reduce((product, size) => product * size, 1));
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(phase + i * 12.9898 * phase) * Math.cos(i * 0.37);
  return { data, dims };
}

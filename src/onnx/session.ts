import type { InferenceSession, Tensor } from "onnxruntime-node";
import { type Device, DeviceError, deviceName, EXACT } from "./device.ts";
import type { BuiltGraph } from "./graph.ts";

/**
 * ONNX Runtime, loaded when the first session opens. Help texts and the server process do not need it. Since 1.29 its builds for Linux and
 * macOS send usage data to Microsoft, and keep an identifier in the home folder. Nothing of that happens with the variable.
 */
const runtime = () => {
  process.env.ORT_DISABLE_TELEMETRY = "1";
  return import("onnxruntime-node");
};

/** Loads ONNX Runtime. @returns its version */
export async function runtimeVersion(): Promise<string> {
  return (await runtime()).env.versions.node ?? "of an unknown version";
}

/** A tensor on the host: row-major data and its shape. */
export interface HostTensor<Data extends Float32Array | BigInt64Array = Float32Array> {
  readonly data: Data;
  readonly dims: readonly number[];
}

/** A float32 tensor in a GPU's memory, until it is freed. It may be freed twice. */
export interface DeviceTensor {
  readonly dims: readonly number[];
  readonly held: Tensor;
  free(): void;
}

export type AnyTensor = HostTensor | DeviceTensor;

/** Inputs of a run, by name. */
export type Feeds = Readonly<Record<string, AnyTensor | HostTensor<BigInt64Array>>>;

/** True for a tensor in the memory of a GPU. */
export function isOnDevice(tensor: Feeds[string]): tensor is DeviceTensor {
  return "held" in tensor;
}

/** A loaded graph. */
export interface Session {
  /**
   * Runs the graph once. ONNX Runtime's Node binding computes on the calling thread and blocks this process.
   * @typeParam Output `AnyTensor` for a graph with outputs on the device
   * @throws Error naming the graph and the shapes of its inputs
   */
  run<Output extends AnyTensor = HostTensor>(feeds: Feeds): Promise<Record<string, Output>>;
  release(): Promise<void>;
}

/** Threads, memory and device of a session. */
export interface SessionOptions {
  /** Threads for one operator. Default: the choice of ONNX Runtime, one per core. */
  readonly threads?: number;
  /**
   * False: matrices that can run from the mapped file stay there. True: they are copied in the processor's preferred order.
   * Default: true.
   */
  readonly prepack?: boolean;
  /**
   * Returns working memory to the system. Otherwise every session keeps what its largest run needed, and twice that after the second run of
   * a size. Fifteen sessions in turn held 5 GB, of which 0.4 GB were in use.
   */
  readonly frugal?: boolean;
  /** Default: the processor. */
  readonly device?: Device;
  /** Writes what each operator did to a file that begins so, when the session is released. */
  readonly profile?: string;
}

/** Loads a graph. Its weights are mapped from the checkpoint's files. This is the only file that imports ONNX Runtime. */
export async function createSession(graph: BuiltGraph, options: SessionOptions = {}): Promise<Session> {
  const { InferenceSession, Tensor } = await runtime();
  const session = await InferenceSession.create(graph.bytes, {
    executionProviders: providersOf(options.device),
    graphOptimizationLevel: "all",
    ...(graph.onDevice.length > 0 && {
      preferredOutputLocation: Object.fromEntries(graph.onDevice.map((name) => [name, "gpu-buffer"] as const)),
    }),
    // On a GPU, ONNX Runtime warns about graphs that run some operators on the processor, which is intended.
    ...((options.device ?? EXACT).provider !== "cpu" && { logSeverityLevel: 3 }),
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    ...(options.profile !== undefined && { enableProfiling: true, profileFilePrefix: options.profile }),
    // The binding ignores the run option `memory.enable_memory_arena_shrinkage`.
    ...(options.frugal && { enableCpuMemArena: false }),
    extra: {
      session: {
        model_external_initializers_file_folder_path: graph.weightsRoot,
        disable_prepacking: graph.mappable && options.prepack === false ? "1" : "0",
      },
    },
  }).catch((cause) => {
    throw failure(`ONNX Runtime refused the ${graph.name} graph`, cause, options.device);
  });
  return runnable(session, Tensor, `${graph.name} graph`, options);
}

/** The error of a session. On a GPU it is a DeviceError, for its memory, its driver or a lost device. */
function failure(what: string, cause: Error, device: Device = EXACT): Error {
  // WebGPU says of a buffer that it could not allocate only that it is invalid; the reason goes to stderr.
  const outOfMemory = device.provider === "webgpu" && /Invalid Buffer|out of memory/i.test(cause.message);
  const message = `${outOfMemory ? "its memory does not suffice: " : ""}${what}: ${cause.message}`;
  return device.provider === "cpu"
    ? new Error(message, { cause })
    : new DeviceError(`${deviceName(device)} failed: ${message}`, { cause });
}

/** Operators that a GPU lacks run on the processor. */
function providersOf({ provider, index = 0 }: Device = EXACT): InferenceSession.ExecutionProviderConfig[] {
  if (provider === "cpu") return ["cpu"];
  return [provider === "cuda" ? { name: "cuda", deviceId: index } : "webgpu", "cpu"];
}

/** A graph from another author's file, with the names and shapes that it declares. */
export interface OnnxFile extends Session {
  readonly inputs: readonly Declared[];
  readonly outputs: readonly Declared[];
}

/** A declared input or output of a graph. */
export interface Declared {
  readonly name: string;
  /** The type's name in ONNX Runtime: `float32`, `float16`, `int64` … */
  readonly type: string;
  /** A name means a size that each run sets. */
  readonly dims: readonly (number | string)[];
}

/** Opens an ONNX file from disk, with its weights inside or in files beside it. */
export async function openOnnxFile(path: string, options: SessionOptions = {}): Promise<OnnxFile> {
  const { InferenceSession, Tensor } = await runtime();
  const session = await InferenceSession.create(path, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
  }).catch((cause) => {
    throw new Error(`ONNX Runtime refused the file ${path}: ${cause.message}`, { cause });
  });
  const declared = (metadata: readonly InferenceSession.ValueMetadata[]) =>
    metadata.map((value) =>
      value.isTensor
        ? { name: value.name, type: value.type, dims: value.shape }
        : { name: value.name, type: "no tensor", dims: [] },
    );
  return {
    ...runnable(session, Tensor, `graph of ${path}`),
    inputs: declared(session.inputMetadata),
    outputs: declared(session.outputMetadata),
  };
}

type TensorClass = Awaited<ReturnType<typeof runtime>>["Tensor"];

function runnable(
  session: InferenceSession,
  TensorOf: TensorClass,
  name: string,
  { device, profile }: SessionOptions = {},
): Session {
  const hostTensor = ({ data, dims }: HostTensor | HostTensor<BigInt64Array>) =>
    new TensorOf(data instanceof Float32Array ? "float32" : "int64", data, dims);
  return {
    async run<Output extends AnyTensor>(feeds: Feeds) {
      const tensors: Record<string, Tensor> = {};
      for (const [name, tensor] of Object.entries(feeds)) {
        tensors[name] = isOnDevice(tensor) ? tensor.held : hostTensor(tensor);
      }
      try {
        const results = await session.run(tensors);
        return Object.fromEntries(
          Object.entries(results).map(([name, result]) => [name, output(result) as Output] as const),
        );
      } catch (cause) {
        const shapes = Object.entries(feeds).map(([name, t]) => `${name}[${t.dims}]`);
        throw failure(`the ${name} failed on ${shapes.join(", ")}`, cause as Error, device);
      }
    },
    async release() {
      if (profile !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

function output(result: Tensor): AnyTensor {
  if (result.location !== "cpu") {
    const free = () => {
      if (result.location !== "none") result.dispose();
    };
    return { dims: result.dims, held: result, free };
  }
  return { data: result.data as Float32Array, dims: result.dims };
}

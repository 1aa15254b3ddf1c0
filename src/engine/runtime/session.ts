import { InferenceSession, Tensor } from "onnxruntime-node";
import type { BuiltGraph } from "../graph/graph.ts";

/** A tensor on the host: row-major data and its shape. */
export interface HostTensor<Data extends Float32Array | BigInt64Array = Float32Array> {
  readonly data: Data;
  readonly dims: readonly number[];
}

export interface Session {
  /**
   * Runs the graph once. ONNX Runtime's Node binding computes on the calling thread: nothing else in this process runs meanwhile.
   * @throws Error naming the graph and the shapes it was fed
   */
  run(
    feeds: Readonly<Record<string, HostTensor<Float32Array> | HostTensor<BigInt64Array>>>,
  ): Promise<Record<string, HostTensor>>;
  release(): Promise<void>;
}

export interface SessionOptions {
  /** Threads inside one operator. Default: ONNX Runtime's choice, one per core. */
  readonly threads?: number;
}

/** Loads a graph; its weights are mapped from the checkpoint's files. The only place that touches ONNX Runtime. */
export async function createSession(graph: BuiltGraph, options: SessionOptions = {}): Promise<Session> {
  const session = await InferenceSession.create(graph.bytes, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    extra: { session: { model_external_initializers_file_folder_path: graph.weightsRoot } },
  }).catch((cause) => {
    throw new Error(`ONNX Runtime refused the ${graph.name} graph: ${cause.message}`, { cause });
  });
  return {
    async run(feeds) {
      const tensors: Record<string, Tensor> = {};
      for (const [name, { data, dims }] of Object.entries(feeds)) {
        tensors[name] = new Tensor(data instanceof Float32Array ? "float32" : "int64", data, dims);
      }
      try {
        const results = await session.run(tensors);
        return Object.fromEntries(
          Object.entries(results).map(([name, t]) => [name, { data: t.data as Float32Array, dims: t.dims }]),
        );
      } catch (cause) {
        const shapes = Object.entries(feeds).map(([name, t]) => `${name}[${t.dims}]`);
        throw new Error(`the ${graph.name} graph failed on ${shapes.join(", ")}: ${(cause as Error).message}`, {
          cause,
        });
      }
    },
    release: () => session.release(),
  };
}

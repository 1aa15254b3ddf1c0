import { type Device, EXACT } from "./device.ts";
import { type BuiltGraph, Graph, NO_WEIGHTS } from "./graph.ts";
import { freeAll, lazy } from "./lifetime.ts";
import { type AnyTensor, createSession, type Feeds, type HostTensor, isOnDevice, type Session } from "./session.ts";

/** Moves tensors to a device and back. On the processor it does nothing. */
export interface Transfers {
  /**
   * The same inputs on the device. An input that repeats is uploaded once, and stays while recent passes use it.
   * Call it once for each pass.
   */
  upload(feeds: Feeds): Promise<Feeds>;
  /** Copies a tensor to the host and frees it on the device. */
  download(tensor: AnyTensor): Promise<HostTensor>;
  dispose(): Promise<void>;
}

/** Number of passes that an unused upload survives: with guidance, the two prompts alternate. */
const PASSES = 4;

/** Transfers between host and device. CUDA has none: ONNX Runtime's Node binding holds tensors on WebGPU devices only. */
export function transfers(device: Device = EXACT): Transfers {
  if (device.provider !== "webgpu") {
    return {
      upload: async (feeds) => feeds,
      download: async (tensor) => tensor as HostTensor, // no tensor is on a device
      dispose: async () => {},
    };
  }
  const ways = { up: copiers(device, true), down: copiers(device, false) };
  const uploads = new Map<Float32Array, { tensor: AnyTensor; lastPass: number }>();
  let pass = 0;

  const uploaded = async (tensor: HostTensor): Promise<AnyTensor> => {
    const known = uploads.get(tensor.data);
    if (known) {
      known.lastPass = pass;
      return known.tensor;
    }
    const copy = await ways.up.copy(tensor);
    uploads.set(tensor.data, { tensor: copy, lastPass: pass });
    return copy;
  };
  const forget = (last: number) => {
    for (const [data, { tensor, lastPass }] of uploads) {
      if (lastPass > last) continue;
      uploads.delete(data);
      if (isOnDevice(tensor)) tensor.free();
    }
  };

  return {
    async upload(feeds) {
      forget(++pass - PASSES);
      const there: Record<string, Feeds[string]> = {};
      for (const [name, tensor] of Object.entries(feeds))
        there[name] = isHostFloat(tensor) ? await uploaded(tensor) : tensor;
      return there;
    },
    async download(tensor) {
      if (!isOnDevice(tensor)) return tensor;
      const back = await ways.down.copy(tensor);
      tensor.free();
      return back as HostTensor;
    },
    async dispose() {
      forget(pass);
      await freeAll([ways.up.dispose, ways.down.dispose]);
    },
  };
}

function isHostFloat(tensor: Feeds[string]): tensor is HostTensor {
  return !isOnDevice(tensor) && tensor.data instanceof Float32Array;
}

/**
 * Sessions that only copy, one for each number of axes. In ONNX Runtime 1.30 for Node the `getData()` of a tensor ends the process
 * ("terminate called after throwing an instance of 'char const*'").
 */
function copiers(device: Device, up: boolean) {
  const sessions = Array.from({ length: 4 }, (_, axes) =>
    lazy(() => createSession(copyGraph(device, axes, up), { device })),
  );
  return {
    async copy(tensor: AnyTensor): Promise<AnyTensor> {
      const session = await sessions[tensor.dims.length]!.get();
      return (await session.run<AnyTensor>({ x: tensor })).y!;
    },
    dispose: () => freeAll(sessions.map((session) => () => session.free((opened: Session) => opened.release()))),
  };
}

function copyGraph(device: Device, axes: number, up: boolean): BuiltGraph {
  const g = new Graph(up ? "upload" : "download", NO_WEIGHTS, undefined, device);
  const dims = Array.from({ length: axes }, (_, axis) => `axis ${axis}`);
  const x = g.input("x", dims);
  if (up) g.outputOnDevice("y", x, dims);
  else g.output("y", x, dims);
  return g.build();
}

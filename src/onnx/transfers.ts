import { type Device, EXACT } from "./device.ts";
import { type Kernels, kernels } from "./kernels.ts";
import { type AnyTensor, type Feeds, type HostTensor, isOnDevice } from "./session.ts";

/** Moves tensors to a device and back. On the processor it does nothing. */
export interface Transfers {
  /** A pass of the transformer begins. It frees uploads that recent passes did not use. */
  beginPass(): void;
  /** The same inputs on the device. An input that repeats is uploaded once; its `data` identifies it. */
  upload(feeds: Feeds): Promise<Feeds>;
  /** Copies a tensor to the host. The tensor on the device stays. */
  download(tensor: AnyTensor): Promise<HostTensor>;
  dispose(): Promise<void>;
}

/** Number of passes that an unused upload survives: two guidance passes for each of two evaluations of a step, and one step more. */
const PASSES = 8;

/**
 * Transfers between host and device. CUDA has none: the Node binding of ONNX Runtime makes each output a tensor of the host unless
 * its allocator is WebGPU's (`OrtValueToNapiValue` in `js/node/src/tensor_helper.cc`).
 */
export function transfers(device: Device = EXACT): Transfers {
  if (device.provider !== "webgpu") {
    return {
      beginPass: () => {},
      upload: async (feeds) => feeds,
      download: async (tensor) => tensor as HostTensor, // no tensor is on a device
      dispose: async () => {},
    };
  }
  const copies = kernels(device);
  const uploads = new Map<Float32Array, { tensor: AnyTensor; lastPass: number }>();
  let pass = 0;

  const uploaded = async (tensor: HostTensor): Promise<AnyTensor> => {
    const known = uploads.get(tensor.data);
    if (known) {
      known.lastPass = pass;
      return known.tensor;
    }
    const copy = await copied(copies, tensor, true);
    uploads.set(tensor.data, { tensor: copy, lastPass: pass });
    return copy;
  };
  const forget = (last: number) => {
    for (const [data, { tensor, lastPass }] of uploads) {
      if (lastPass > last) continue;
      uploads.delete(data);
      free(tensor);
    }
  };

  return {
    beginPass: () => forget(++pass - PASSES),
    async upload(feeds) {
      const there: Record<string, Feeds[string]> = {};
      for (const [name, tensor] of Object.entries(feeds))
        there[name] = isHostFloat(tensor) ? await uploaded(tensor) : tensor;
      return there;
    },
    download: async (tensor) => (isOnDevice(tensor) ? ((await copied(copies, tensor, false)) as HostTensor) : tensor),
    async dispose() {
      forget(pass);
      await copies.dispose();
    },
  };
}

/** Frees a tensor that is on a device. One on the host is left to the garbage collector. */
export function free(tensor: AnyTensor): void {
  if (isOnDevice(tensor)) tensor.free();
}

function isHostFloat(tensor: Feeds[string]): tensor is HostTensor {
  return !isOnDevice(tensor) && tensor.data instanceof Float32Array;
}

/**
 * A graph that only copies, one for each number of axes. The `getData()` of a tensor ends the process: in the Node binding of ONNX
 * Runtime 1.30 it throws a C string ("not implemented") that nothing catches.
 */
async function copied(copies: Kernels, tensor: AnyTensor, up: boolean): Promise<AnyTensor> {
  const axes = tensor.dims.length;
  const { y } = await copies.run(
    `${up ? "upload" : "download"} of ${axes} axes`,
    (g) => {
      const dims = Array.from({ length: axes }, (_, axis) => `axis ${axis}`);
      const x = g.input("x", dims);
      if (up) g.outputOnDevice("y", x, dims);
      else g.output("y", x, dims);
    },
    { x: tensor },
  );
  return y!;
}

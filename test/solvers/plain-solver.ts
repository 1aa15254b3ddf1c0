import { onHost } from "../../src/engine/arithmetic/on-host.ts";
import type { CreateSolver } from "../../src/engine/schedulers/solver.ts";
import type { AnyTensor, HostTensor } from "../../src/onnx/index.ts";

/** The velocity of latents that are a list of numbers. */
export type PlainVelocity = (x: Float32Array, sigma: number) => Promise<Float32Array>;

/** A solver on the host, of latents that are a list of numbers: the formula without the shapes. */
export function plainSolver(
  create: CreateSolver,
  { sigmas, gaussian }: { readonly sigmas: readonly number[]; readonly gaussian: () => Float32Array },
) {
  const solver = create({ sigmas, gaussian: () => tensor(gaussian()), arithmetic: onHost });
  return {
    async step(x: Float32Array, step: number, velocity: PlainVelocity): Promise<Float32Array> {
      const asked = async (at: AnyTensor, sigma: number) => tensor(await velocity(numbers(at), sigma));
      return numbers(await solver.step(tensor(x), step, asked));
    },
  };
}

const tensor = (data: Float32Array): HostTensor => ({ data, dims: [1, 1, data.length] });
const numbers = (tensor: AnyTensor): Float32Array => (tensor as HostTensor).data;

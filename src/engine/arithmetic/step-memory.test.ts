import { expect, test } from "vitest";
import type { AnyTensor, DeviceTensor } from "../../onnx/index.ts";
import { SOLVERS, type SolverKind } from "../schedulers/solvers.ts";
import { type LatentArithmetic, stepMemory } from "./step-memory.ts";

/** Arithmetic whose tensors are names on a pretended device. It refuses one that was freed. */
function pretended() {
  const there = new Set<AnyTensor>();
  let most = 0;
  const make = (): DeviceTensor => {
    const tensor: DeviceTensor = { dims: [1, 1, 1], held: {} as never, free: () => void there.delete(tensor) };
    there.add(tensor);
    most = Math.max(most, there.size);
    return tensor;
  };
  const from = async (...tensors: readonly AnyTensor[]) => {
    for (const tensor of tensors) if (!there.has(tensor)) throw new Error("a tensor is read after it was freed");
    return make();
  };
  const sum = (terms: readonly (readonly [number, AnyTensor])[]) => from(...terms.map(([, values]) => values));
  const arithmetic: LatentArithmetic = {
    weightedSum: sum,
    roundedSum: sum,
    choose: (_, x, other) => from(x, other),
    replaceUnchanged: (x, before, other) => from(x, before, other),
  };
  return { arithmetic, make, there, most: () => most };
}

test.each(Object.entries(SOLVERS as Record<string, SolverKind>))(
  "%s finds the remembered tensors, and frees the forgotten ones",
  async (_, { create }) => {
    const steps = 30;
    const sigmas = Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps);
    const { arithmetic, make, there, most } = pretended();
    const memory = stepMemory(arithmetic);
    const gaussian = () => memory.adopt(make());
    const solver = create({ sigmas, gaussian, arithmetic: memory.arithmetic });
    let latents: AnyTensor = gaussian();
    for (let step = 0; step < steps; step++) {
      latents = await solver.step(latents, step, async (x) => {
        expect(there.has(x)).toBe(true);
        return memory.adopt(make());
      });
      memory.endStep();
    }
    expect(there.has(latents)).toBe(true);
    expect(most()).toBeLessThan(25);
    memory.clear();
    expect(there.size).toBe(0);
  },
);

import { type AnyTensor, free } from "../../onnx/index.ts";
import type { Arithmetic } from "./arithmetic.ts";

/** What solvers compute with. */
export type LatentArithmetic = Pick<Arithmetic, "weightedSum" | "roundedSum" | "choose" | "replaceUnchanged">;

/** The latents of one image: arithmetic whose results are freed once no step reads them any more. */
export interface StepMemory {
  readonly arithmetic: LatentArithmetic;
  /** Takes over a tensor, to be freed with the others. */
  adopt<T extends AnyTensor>(tensor: T): T;
  /** Frees what neither this step nor the one before it has made or read. */
  endStep(): void;
  /** Frees everything. */
  clear(): void;
}

/**
 * Solvers remember velocities and images of earlier steps, and read all of them in each step. So a tensor that a whole step did not
 * read is no longer remembered.
 */
export function stepMemory(arithmetic: LatentArithmetic): StepMemory {
  const lastRead = new Map<AnyTensor, number>();
  let now = 0;
  const adopt = <T extends AnyTensor>(tensor: T): T => {
    lastRead.set(tensor, now);
    return tensor;
  };
  const read = (...tensors: readonly AnyTensor[]) => {
    for (const tensor of tensors) if (lastRead.has(tensor)) lastRead.set(tensor, now);
  };
  const forget = (last: number) => {
    for (const [tensor, step] of lastRead) {
      if (step > last) continue;
      lastRead.delete(tensor);
      free(tensor);
    }
  };
  return {
    arithmetic: {
      async weightedSum(terms) {
        read(...terms.map(([, values]) => values));
        return adopt(await arithmetic.weightedSum(terms));
      },
      async roundedSum(terms) {
        read(...terms.map(([, values]) => values));
        return adopt(await arithmetic.roundedSum(terms));
      },
      async choose(mask, x, other) {
        read(x, other);
        return adopt(await arithmetic.choose(mask, x, other));
      },
      async replaceUnchanged(x, before, other) {
        read(x, before, other);
        return adopt(await arithmetic.replaceUnchanged(x, before, other));
      },
    },
    adopt,
    endStep: () => forget(now++ - 1),
    clear: () => forget(now),
  };
}

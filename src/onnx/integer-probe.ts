import { EXACT } from "./device.ts";
import { type BuiltGraph, Graph, NO_WEIGHTS } from "./graph.ts";
import { DataType } from "./schema.ts";
import { createSession } from "./session.ts";

/**
 * Bits of an activation that this processor multiplies exactly, see `Device`. It runs one small product with the largest values and checks
 * the sum, which is more reliable than a list of processors.
 */
export async function activationBits(): Promise<8 | 7> {
  const session = await createSession(largestProduct());
  try {
    const ones = { data: new Float32Array(ROWS * WIDTH).fill(1), dims: [ROWS, WIDTH] };
    const { sum } = await session.run({ ones });
    return sum!.data.every((value) => value === WIDTH * 255 * 127) ? 8 : 7;
  } finally {
    await session.release();
  }
}

const ROWS = 16;
const WIDTH = 64;

function largestProduct(): BuiltGraph {
  const g = new Graph("integer probe", NO_WEIGHTS, undefined, EXACT);
  const scale = (factor: number) => g.op("Mul", [g.input("ones", [ROWS, WIDTH]), g.scalar(factor)]);
  const a = g.op("Cast", [scale(255)], { to: DataType.U8 });
  const b = g.op("Cast", [g.op("Transpose", [scale(127)], { perm: [1, 0] })], { to: DataType.I8 });
  const inputs = [a, b, g.scalar(1), g.scalar(1)];
  g.output("sum", g.fused("MatMulIntegerToFloat", inputs), [ROWS, ROWS]);
  return g.build();
}

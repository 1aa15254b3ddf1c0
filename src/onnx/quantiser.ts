import { rotationMatrix } from "../weights/index.ts";
import { type BuiltGraph, Graph, NO_WEIGHTS, type Value } from "./graph.ts";
import { freeAll } from "./lifetime.ts";
import { DataType } from "./schema.ts";
import { createSession, type Session, type SessionOptions } from "./session.ts";

/** A matrix in int8, in the layout of `Int8Form`. */
export interface Int8Matrix {
  readonly codes: Int8Array; // [in, out]
  readonly scales: Float32Array; // [out]
}

/** A matrix in blocks, in the layout of `BlocksForm`, without minima. */
export interface BlocksMatrix {
  readonly codes: Uint8Array; // [out, in / block, block · bits / 8]
  readonly scales: Float32Array; // [out, in / block]
}

/**
 * Rounds matrices to fewer bits. It uses a network: one core takes 6–12 ns a value, loops over typed arrays took 24–36.
 */
export interface Quantiser {
  /**
   * Rotates the input features in groups, then scales each output's largest magnitude to 127.
   * @param values [out, in]
   * @param rotation a power of 4 up to 256 that divides `in`; 1 without rotation
   */
  int8(values: Float32Array, out: number, rotation: number): Promise<Int8Matrix>;
  /**
   * Scales the value with the largest magnitude in a block to the lowest code, as Q4_0 of GGUF does. The lowest code reaches one step
   * farther than the highest.
   * @param values [out, in]
   * @param block divides `in`
   */
  blocks(values: Float32Array, out: number, bits: 4 | 8, block: number): Promise<BlocksMatrix>;
  release(): Promise<void>;
}

/** Opens a quantiser. Its networks load on first use. */
export function quantiser(options: SessionOptions = {}): Quantiser {
  const sessions = new Map<string, Promise<Session>>();
  const run = async (key: string, build: () => BuiltGraph, values: Float32Array, dims: readonly number[]) => {
    const opening = sessions.get(key) ?? createSession(build(), options);
    sessions.set(key, opening);
    return (await opening).run({ values: { data: values, dims } });
  };
  return {
    async int8(values, out, rotation) {
      const width = values.length / out;
      const build = () => int8Graph(rotation);
      const { codes, scales } = await run(`int8 ${rotation}`, build, values, [out, width]);
      return { codes: codes!.data as unknown as Int8Array, scales: scales!.data };
    },
    async blocks(values, out, bits, block) {
      const build = () => blocksGraph(bits, block);
      const { codes, scales } = await run(`${bits} by ${block}`, build, values, [out, values.length / out]);
      return { codes: codes!.data as unknown as Uint8Array, scales: scales!.data };
    },
    async release() {
      await freeAll([...sessions.values()].map((opening) => async () => (await opening).release()));
    },
  };
}

function int8Graph(rotation: number): BuiltGraph {
  const g = new Graph("int8 quantiser", NO_WEIGHTS);
  const values = g.input("values", ["out", "in"]);
  const matrix = g.floats([...rotationMatrix(rotation)], [rotation, rotation]);
  const groups = g.op("MatMul", [g.op("Reshape", [values, g.ints([-1, rotation])]), matrix]);
  const rotated = g.op("Reshape", [groups, g.op("Shape", [values])]);
  const peaks = g.op("ReduceMax", [g.op("Abs", [rotated]), g.ints([1])], { keepdims: 0 });
  const scales = g.op("Max", [g.op("Mul", [peaks, g.scalar(1 / 127)]), g.scalar(SMALLEST)]);
  const codes = g.op("QuantizeLinear", [rotated, scales], { axis: 0, output_dtype: DataType.I8 });
  g.output("codes", g.op("Transpose", [codes], { perm: [1, 0] }), ["in", "out"], "I8");
  g.output("scales", scales, ["out"]);
  return g.build();
}

function blocksGraph(bits: 4 | 8, block: number): BuiltGraph {
  const g = new Graph("block quantiser", NO_WEIGHTS);
  const zero = 2 ** (bits - 1);
  const blocks = g.op("Reshape", [g.input("values", ["out", "in"]), g.ints([-1, block])]); // [n, block]
  const extreme = (type: "ReduceMax" | "ReduceMin") => g.op(type, [blocks, g.ints([1])], { keepdims: 1 });
  const [highest, lowest] = [extreme("ReduceMax"), extreme("ReduceMin")];
  const peaks = g.op("Where", [g.op("Greater", [highest, g.op("Neg", [lowest])]), highest, lowest]); // [n, 1]
  const scales = g.op("Mul", [peaks, g.scalar(-1 / zero)]);
  const divisors = g.op("Where", [g.op("Equal", [scales, g.scalar(0)]), g.scalar(1), scales]);
  const rounded = g.op("Add", [g.op("Round", [g.op("Div", [blocks, divisors])]), g.scalar(zero)]);
  const codes = g.op("Min", [rounded, g.scalar(2 * zero - 1)]);
  g.output("codes", g.op("Cast", [bits === 8 ? codes : paired(g, codes)], { to: DataType.U8 }), ["n", "bytes"], "U8");
  g.output("scales", scales, ["n", 1]);
  return g.build();
}

/** Packs two 4-bit codes in one number: even elements in the low bits. */
function paired(g: Graph, codes: Value): Value {
  return g.op("MatMul", [g.op("Reshape", [codes, g.ints([-1, 2])]), g.floats([1, 16], [2, 1])]);
}

/** Avoids a division by zero for an output without weights. */
const SMALLEST = 1e-30;

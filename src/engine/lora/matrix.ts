import { type BuiltGraph, createSession, Graph, type HostTensor, NO_WEIGHTS } from "../../onnx/index.ts";
import { tabulate } from "../../weights/index.ts";

/** Small dense matrices of adapters, row-major float32. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** a [m, k] · b [k, n] */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const [m, k, n] = [a.rows, a.columns, b.columns];
  const data = new Float32Array(m * n);
  for (let row = 0; row < m; row++) {
    const out = data.subarray(row * n, (row + 1) * n);
    for (let i = 0; i < k; i++) {
      const factor = a.data[row * k + i]!;
      const line = b.data.subarray(i * n, (i + 1) * n);
      for (let column = 0; column < n; column++) out[column]! += factor * line[column]!;
    }
  }
  return { data, rows: m, columns: n };
}

/** The Kronecker product: every value of a times the whole of b, [a.rows · b.rows, a.columns · b.columns]. */
export function kronecker(a: Matrix, b: Matrix): Matrix {
  const [rows, columns] = [a.rows * b.rows, a.columns * b.columns];
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const [ra, rb] = [Math.floor(row / b.rows), row % b.rows];
    for (let column = 0; column < columns; column++) {
      const factor = a.data[ra * a.columns + Math.floor(column / b.columns)]!;
      data[row * columns + column] = factor * b.data[rb * b.columns + (column % b.columns)]!;
    }
  }
  return { data, rows, columns };
}

/** Multiplies a matrix by a factor. Returns the same matrix if the factor is 1. */
export function scaled(matrix: Matrix, factor: number): Matrix {
  if (factor === 1) return matrix;
  return { ...matrix, data: tabulate(matrix.data.length, (i) => matrix.data[i]! * factor) };
}

/** Lengths of the rows. */
export function rowNorms({ data, rows, columns }: Matrix): Float64Array {
  const norms = new Float64Array(rows);
  for (let i = 0; i < data.length; i++) norms[Math.floor(i / columns)]! += data[i]! ** 2;
  return norms.map(Math.sqrt);
}

/** Lengths of the columns. */
export function columnNorms({ data, columns }: Matrix): Float64Array {
  const norms = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) norms[i % columns]! += data[i]! ** 2;
  return norms.map(Math.sqrt);
}

/** `W + up · down`, computed by ONNX Runtime. */
export type MergeLowRank = (base: HostTensor, up: Matrix, down: Matrix) => Promise<Float32Array>;

/** One small graph for matrices of every size. */
export async function lowRankMerger(): Promise<MergeLowRank> {
  const session = await createSession(buildMerge());
  return async (base, up, down) => {
    const feeds = { base, up: tensorOf(up), down: tensorOf(down) };
    return (await session.run(feeds)).merged!.data;
  };
}

function buildMerge(): BuiltGraph {
  const g = new Graph("merge", NO_WEIGHTS);
  const base = g.input("base", ["out", "in"]);
  const up = g.input("up", ["out", "rank"]);
  const down = g.input("down", ["rank", "in"]);
  g.output("merged", g.op("Gemm", [up, down, base]), ["out", "in"]);
  return g.build();
}

/** The matrix as a tensor, [rows, columns]. It shares the data. */
export function tensorOf({ data, rows, columns }: Matrix): HostTensor {
  return { data, dims: [rows, columns] };
}

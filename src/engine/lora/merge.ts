import { type BuiltGraph, createSession, Graph, type HostTensor, NO_WEIGHTS } from "../../onnx/index.ts";
import type { Matrix } from "./matrix.ts";

/** `W + up · down` on ONNX Runtime's matrix product. */
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

export function tensorOf({ data, rows, columns }: Matrix): HostTensor {
  return { data, dims: [rows, columns] };
}

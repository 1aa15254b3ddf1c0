import {
  createSession,
  freeAll,
  type HostTensor,
  type Lazy,
  lazy,
  type Session,
  type SessionOptions,
} from "../onnx/index.ts";
import { tensorReader, type Weights } from "../weights/index.ts";
import type { TextEncoderConfig } from "./checkpoint/config.ts";
import type { MemoryPlan } from "./memory-plan.ts";
import type { RotaryTable } from "./rope.ts";
import { buildTextEncoder, embeddingTable } from "./text-encoder.ts";

/** The text encoder, in one or several sessions, as the memory allows. */
export interface TextStates {
  /**
   * Ids → the states of the last layer after the norm: [S, hidden]
   * @param seen tokens of the vision tower, which replace the ids from `start`
   */
  encode(ids: readonly number[], rotary: RotaryTable, seen?: readonly Seen[]): Promise<HostTensor>;
  dispose(): Promise<void>;
}

interface Seen {
  readonly start: number;
  readonly states: Float32Array; // [n, hidden]
}

/**
 * Opens the text encoder. With `keep` its sessions load now and stay; otherwise each use loads them.
 * @throws CheckpointError when a tensor is missing or has another shape
 */
export async function textStates(
  config: TextEncoderConfig,
  weights: Weights,
  { perSession, keep }: Pick<MemoryPlan, "perSession" | "keep">,
  options: SessionOptions,
): Promise<TextStates> {
  const { num_hidden_layers: layers, hidden_size: hidden } = config;
  const table = embeddingTable(config, weights);
  const sessions: Lazy<Session>[] = [];
  for (let from = 0; from < layers; from += perSession) {
    const to = Math.min(layers, from + perSession);
    sessions.push(lazy(() => createSession(buildTextEncoder(config, weights, { from, to }, options.device), options)));
  }
  if (keep) for (const session of sessions) await session.get();
  return {
    async encode(ids, rotary, seen = []) {
      const rows = rowsOf(table, ids);
      for (const { start, states } of seen) rows.set(states, start * hidden);
      let states: HostTensor = { data: rows, dims: [ids.length, hidden] };
      for (const session of sessions) {
        const opened = await session.get();
        try {
          states = (await opened.run({ states, ...rotary }))["states/out"]!;
        } finally {
          if (!keep) await session.free((value) => value.release());
        }
      }
      return states;
    },
    dispose: () => freeAll(sessions.map((session) => () => session.free((opened) => opened.release()))),
  };
}

/** The host reads the few rows that a prompt needs: the whole table of the 20B checkpoint takes 2 GB in float32. */
function rowsOf(table: ReturnType<typeof embeddingTable>, ids: readonly number[]): Float32Array {
  const reader = tensorReader();
  try {
    return reader.readRows(table, ids);
  } finally {
    reader.close();
  }
}

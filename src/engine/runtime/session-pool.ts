import type { BuiltGraph } from "../graph/graph.ts";
import { createSession, type HostTensor, type Session, type SessionOptions } from "./session.ts";

type Feeds = Readonly<Record<string, HostTensor>>;

/** Sessions of graphs that come in variants: made when first used, the least recently used variants given up for room. */
export interface SessionPool {
  /** Makes the session now rather than when it is first run. */
  prepare(variant: string, part: string, build: () => BuiltGraph): Promise<void>;
  /** Runs the graph, made by `build` unless it is there; it takes from `feeds` what it reads. */
  run(variant: string, part: string, build: () => BuiltGraph, feeds: Feeds): Promise<Record<string, HostTensor>>;
  /** Frees every session that is not running. */
  clear(): Promise<void>;
}

interface Pooled {
  readonly opening: Promise<{ session: Session; graph: BuiltGraph }>;
  bytes: number;
}

interface Variant {
  readonly parts: Map<string, Pooled>;
  running: number;
}

/**
 * @param limit bytes of weights that variants may hold together, in float32; the variant in use stays whatever it takes
 */
export function sessionPool(limit: number, options: SessionOptions = {}): SessionPool {
  const variants = new Map<string, Variant>(); // least recently used first

  const open = (key: string, part: string, build: () => BuiltGraph): { variant: Variant; pooled: Pooled } => {
    const variant = variants.get(key) ?? { parts: new Map(), running: 0 };
    variants.delete(key);
    variants.set(key, variant);
    let pooled = variant.parts.get(part);
    if (!pooled) {
      const graph = build();
      const opening = createSession(graph, options).then((session) => ({ session, graph }));
      pooled = { opening, bytes: 4 * graph.parameters };
      variant.parts.set(part, pooled);
      opening.catch(() => variant.parts.delete(part));
    }
    return { variant, pooled };
  };

  const release = async (key: string, variant: Variant): Promise<void> => {
    variants.delete(key);
    for (const { opening } of variant.parts.values()) await (await opening).session.release();
  };

  const makeRoom = async (): Promise<void> => {
    const [newest] = [...variants.keys()].slice(-1);
    for (const [key, variant] of [...variants]) {
      if (bytesOf(variants) <= limit) return;
      if (key !== newest && variant.running === 0) await release(key, variant);
    }
  };

  return {
    async prepare(key, part, build) {
      await open(key, part, build).pooled.opening;
    },
    async run(key, part, build, feeds) {
      const { variant, pooled } = open(key, part, build);
      variant.running++;
      try {
        const { session, graph } = await pooled.opening;
        await makeRoom();
        return await session.run(Object.fromEntries(graph.inputs.map((name) => [name, feeds[name]!])));
      } finally {
        variant.running--;
      }
    },
    async clear() {
      for (const [key, variant] of [...variants]) if (variant.running === 0) await release(key, variant);
    },
  };
}

function bytesOf(variants: ReadonlyMap<string, Variant>): number {
  let bytes = 0;
  for (const { parts } of variants.values()) for (const part of parts.values()) bytes += part.bytes;
  return bytes;
}

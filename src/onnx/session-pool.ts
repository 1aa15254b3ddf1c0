import type { BuiltGraph } from "./graph.ts";
import { freeAll } from "./lifetime.ts";
import {
  type AnyTensor,
  createSession,
  type Feeds,
  type HostTensor,
  type Session,
  type SessionOptions,
} from "./session.ts";

/**
 * Sessions of graphs with variants. They are opened on first use. The least recently used variants are released to make room, before a new
 * one takes its memory.
 */
export interface SessionPool {
  /** Opens the session now, before its first run. */
  prepare(variant: string, part: string, build: () => BuiltGraph): Promise<void>;
  /** Runs the graph. `build` makes it on first use. It takes its inputs from `feeds`. */
  run<Output extends AnyTensor = HostTensor>(
    variant: string,
    part: string,
    build: () => BuiltGraph,
    feeds: Feeds,
  ): Promise<Record<string, Output>>;
  /** Keeps all variants used since `work` began until it ends, even if they exceed the limit. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Frees every session that is not running. */
  clear(): Promise<void>;
}

interface Opened {
  readonly session: Session;
  readonly graph: BuiltGraph;
}

interface Pooled {
  readonly opening: Promise<Opened>;
  readonly bytes: number;
}

interface Variant {
  readonly parts: Map<string, Pooled>;
  running: number;
  /** Counts all uses and starts of work. */
  lastUse: number;
}

/**
 * Opens an empty pool.
 * @param limit bytes of copied weights in all variants; variants in use may exceed it
 */
export function sessionPool(limit: number, options: SessionOptions = {}): SessionPool {
  const variants = new Map<string, Variant>(); // the first one is the least recently used
  const works = new Set<number>(); // the start of each
  let now = 0;

  const open = (key: string, part: string, build: () => BuiltGraph): { variant: Variant; pooled: Pooled } => {
    const variant = variants.get(key) ?? { parts: new Map(), running: 0, lastUse: 0 };
    variant.lastUse = ++now;
    variants.delete(key);
    variants.set(key, variant);
    let pooled = variant.parts.get(part);
    if (!pooled) {
      const graph = build();
      const { promise: opening, resolve } = Promise.withResolvers<Opened>();
      pooled = { opening, bytes: graph.copied(options.prepack ?? true) };
      variant.parts.set(part, pooled);
      resolve(openInRoom(graph)); // it counts the bytes of this graph too
      opening.catch(() => variant.parts.delete(part));
    }
    return { variant, pooled };
  };

  const openInRoom = async (graph: BuiltGraph): Promise<Opened> => {
    await makeRoom();
    return { session: await createSession(graph, options), graph };
  };

  const release = async (key: string, variant: Variant): Promise<void> => {
    if (variants.get(key) !== variant) return; // released in the meantime
    variants.delete(key);
    const openings = await Promise.allSettled([...variant.parts.values()].map(({ opening }) => opening));
    await freeAll(openings.flatMap((part) => (part.status === "fulfilled" ? [part.value.session.release] : [])));
  };

  const makeRoom = async (): Promise<void> => {
    const [newest] = [...variants.keys()].slice(-1);
    const oldestWork = Math.min(...works);
    for (const [key, variant] of [...variants]) {
      if (bytesOf(variants) <= limit) return;
      const inUse = key === newest || variant.running > 0 || variant.lastUse > oldestWork;
      if (!inUse) await release(key, variant);
    }
  };

  return {
    async prepare(key, part, build) {
      await open(key, part, build).pooled.opening;
    },
    async run<Output extends AnyTensor>(key: string, part: string, build: () => BuiltGraph, feeds: Feeds) {
      const { variant, pooled } = open(key, part, build);
      variant.running++;
      try {
        const { session, graph } = await pooled.opening;
        await makeRoom(); // variants that were in use when this one was opened may be idle now
        return await session.run<Output>(Object.fromEntries(graph.inputs.map((name) => [name, feeds[name]!])));
      } finally {
        variant.running--;
      }
    },
    async during(work) {
      const began = ++now;
      works.add(began);
      try {
        return await work();
      } finally {
        works.delete(began);
        await makeRoom();
      }
    },
    async clear() {
      const idle = [...variants].filter(([, { running }]) => running === 0);
      await freeAll(idle.map((entry) => () => release(...entry)));
    },
  };
}

function bytesOf(variants: ReadonlyMap<string, Variant>): number {
  let bytes = 0;
  for (const { parts } of variants.values()) for (const part of parts.values()) bytes += part.bytes;
  return bytes;
}

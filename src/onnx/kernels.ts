import type { Device } from "./device.ts";
import { Graph, NO_WEIGHTS } from "./graph.ts";
import { freeAll, type Lazy, lazy } from "./lifetime.ts";
import { type AnyTensor, createSession, type Feeds, type Session } from "./session.ts";

/** Small graphs without weights. Each opens when it first runs, and stays open. */
export interface Kernels {
  /** @param name says everything that decides what `build` writes */
  run<Output extends AnyTensor = AnyTensor>(
    name: string,
    build: (g: Graph) => void,
    feeds: Feeds,
  ): Promise<Record<string, Output>>;
  dispose(): Promise<void>;
}

export function kernels(device: Device): Kernels {
  const sessions = new Map<string, Lazy<Session>>();
  const open = (name: string, build: (g: Graph) => void) =>
    lazy(() => {
      const g = new Graph(name, NO_WEIGHTS, undefined, device);
      build(g);
      return createSession(g.build(), { device });
    });
  return {
    async run<Output extends AnyTensor>(name: string, build: (g: Graph) => void, feeds: Feeds) {
      const session = sessions.get(name) ?? open(name, build);
      sessions.set(name, session);
      return (await session.get()).run<Output>(feeds);
    },
    dispose: () => freeAll([...sessions.values()].map((session) => () => session.free((opened) => opened.release()))),
  };
}

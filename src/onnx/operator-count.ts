import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Device } from "./device.ts";
import type { BuiltGraph } from "./graph.ts";
import { createSession, type Feeds } from "./session.ts";

/** Operators of one run of a graph. */
export interface OperatorCount {
  readonly all: number;
  /** Those that the device has no kernel for, by name; most compute shapes. */
  readonly onProcessor: ReadonlyMap<string, number>;
}

/** Runs a graph once on a device and counts where each operator ran, from ONNX Runtime's profile of the run. */
export async function countOperators(graph: BuiltGraph, feeds: Feeds, device: Device): Promise<OperatorCount> {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-operators-"));
  try {
    const session = await createSession(graph, { device, profile: join(folder, "run") });
    try {
      await session.run(Object.fromEntries(graph.inputs.map((name) => [name, feeds[name]!])));
    } finally {
      await session.release(); // which writes the profile
    }
    const [file] = await readdir(folder);
    return counted(JSON.parse(await readFile(join(folder, file!), "utf8")) as ProfileEvent[]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface ProfileEvent {
  readonly cat: string;
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

function counted(events: readonly ProfileEvent[]): OperatorCount {
  const operators = events.flatMap(({ cat, args }) => (cat === "Node" && args?.provider ? [args] : []));
  const onProcessor = new Map<string, number>();
  for (const { provider, op_name: name = "?" } of operators) {
    if (provider === "CPUExecutionProvider") onProcessor.set(name, (onProcessor.get(name) ?? 0) + 1);
  }
  return { all: operators.length, onProcessor };
}

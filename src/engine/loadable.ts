import { totalmem } from "node:os";
import { packedStill } from "../bundled.ts";
import { CheckpointError } from "../weights/index.ts";
import { openCheckpoint } from "./checkpoint/checkpoint.ts";
import { planMemory } from "./memory-plan.ts";

/**
 * Finds out in some milliseconds whether a checkpoint can be loaded on this machine: its files are there and belong together, and it
 * fits into memory when nothing else does. `checkCheckpoint` looks at every tensor.
 * @throws CheckpointError saying why it cannot
 */
export async function requireLoadable(folder: string): Promise<void> {
  const packed = packedStill(folder);
  if (packed) throw new CheckpointError(packed);
  const limit = process.constrainedMemory(); // 0 or more than there is where nothing limits it
  planMemory(await openCheckpoint(folder), limit > 0 ? Math.min(limit, totalmem()) : totalmem());
}

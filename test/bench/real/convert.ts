import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { downloadTo } from "../../../src/models/hub/index.ts";
import { addRepository } from "../../../src/models/import/add-checkpoint.ts";
import type { Synthetic } from "../../support/synthetic-checkpoint.ts";
import { syntheticRepository } from "../../support/synthetic-repository.ts";
import { gigabytes, watchMemory } from "./memory.ts";

/**
 * Converts a made-up repository in BF16 as `inkstone models pull` does: each shard is made, converted and deleted. Prints seconds, memory
 * of this process and the most that was on the disk at once. A checkpoint that an earlier call converted in this folder is found.
 * @returns the checkpoint's folder
 */
export async function convertRepository(synthetic: Omit<Synthetic, "form">, folder: string): Promise<string> {
  const converted = join(folder, "models/me+true-size@1/checkpoint");
  if (existsSync(join(converted, "model_index.json"))) return converted;
  const repository = syntheticRepository(synthetic);
  const source = repository.files.reduce((sum, { size }) => sum + size, 0);
  const locations = { modelsDir: join(folder, "models"), bundledDir: join(folder, "none") };
  const memory = watchMemory(process.pid);
  const [start, busy] = [performance.now(), process.cpuUsage()];
  let most = 0;
  const { folder: checkpoint } = await addRepository(
    repository,
    downloadTo(join(folder, "pulled"), repository),
    { mode: "int8" },
    { air: "me:true-size@1" },
    locations,
    { onProgress: () => void diskBytes(folder).then((bytes) => (most = Math.max(most, bytes))) },
  );
  const { anonymous, resident } = await memory.stop();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(busy);
  console.log(
    `converted ${gigabytes(source)} of BF16 into ${gigabytes(await diskBytes(folder))} in ${seconds.toFixed(0)} s (processor ` +
      `${((user + system) / 1e6).toFixed(0)} s, making the source included); ${gigabytes(anonymous)} anonymous, ${gigabytes(resident)} ` +
      `resident, ${gigabytes(most)} on the disk at most`,
  );
  return checkpoint;
}

/** Of a folder's files. One that is deleted meanwhile is not counted. */
export async function diskBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}

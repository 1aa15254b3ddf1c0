import { ModelError } from "../errors.ts";
import { downloadTo, type Repository } from "../hub/index.ts";
import { addOrKeep } from "../install/again.ts";
import { registeredAt } from "../install/free-air.ts";
import type { Naming } from "../install/model.ts";
import type { ModelLocations } from "../locations.ts";
import { type AddHooks, addCheckpoint, addRepository, requireDrawable } from "./add-checkpoint.ts";
import { modeFor, type RepositoryChoices } from "./gather-repository.ts";
import type { WeightMode } from "./pieces.ts";
import { filesOfCheckpoint } from "./used-files.ts";

/** Size of a converted checkpoint relative to BF16, at least. */
const CONVERTED = { int8: 0.5, int4: 0.28, keep: 1 } as const;

/**
 * Disk space that a pull needs at least. Without a conversion it is the size of the files that it uses. With one it is the size of the results and of the
 * largest file, because each file is deleted after its conversion.
 * @param mode default: the mode that `pullRepository` chooses
 * @throws ModelError as `filesOfCheckpoint` does
 */
export function bytesToPull(repository: Repository, mode: WeightMode = modeFor(repository)): number {
  const sizes = filesOfCheckpoint(repository).map(({ size }) => size);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  return mode === "keep" ? all : Math.floor(CONVERTED[mode] * all) + Math.max(0, ...sizes);
}

/**
 * Downloads a checkpoint in diffusers layout from the hub and registers it. Large ones, and those with LoRAs to merge, are converted shard
 * by shard. Others are stored unchanged in `folder`, when all files are here. Existing files are kept, and a partial download is continued.
 * @throws ModelError, CheckpointError
 */
export async function pullRepository(
  repository: Repository,
  folder: string,
  choices: RepositoryChoices,
  naming: Naming,
  locations: ModelLocations,
  hooks: AddHooks & { readonly onFetched?: () => void } = {},
) {
  const { name, files } = repository;
  if (!files.some(({ path }) => path === "model_index.json")) {
    throw new ModelError("damagedFile", `${name} is not a checkpoint in diffusers layout: it has no model_index.json`);
  }
  const { mode = modeFor(repository), member, merge = [] } = choices;
  const download = downloadTo(folder, repository);
  if (mode !== "keep" || merge.length > 0)
    return addRepository(repository, download, choices, naming, locations, hooks);
  const known = await registeredAt("checkpoint", folder, naming.air, locations);
  for (const file of filesOfCheckpoint(repository)) await download.fetch(file);
  hooks.signal?.throwIfAborted();
  hooks.onFetched?.();
  if (known) await requireDrawable(download.folder);
  await download.finish();
  if (!known) return addCheckpoint({ paths: [folder], mode, member }, naming, locations, hooks);
  return addOrKeep("checkpoint", folder, naming, locations);
}

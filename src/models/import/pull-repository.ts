import { ModelError } from "../errors.ts";
import { downloadTo, type Repository } from "../hub/index.ts";
import { addOrKeep } from "../install/again.ts";
import { registeredAt } from "../install/free-air.ts";
import type { Naming } from "../install/model.ts";
import type { ModelLocations } from "../locations.ts";
import { type AddHooks, addCheckpoint, addRepository, requireDrawable } from "./add-checkpoint.ts";
import { requireRoom } from "./disk-room.ts";
import { modeFor, type RepositoryChoices } from "./gather-repository.ts";
import { filesOfCheckpoint } from "./used-files.ts";

/**
 * Downloads a checkpoint in diffusers layout from the hub and registers it. Large ones, and those with LoRAs to merge, are converted shard
 * by shard. Others are stored unchanged in `folder`, when all files are here. Existing files are kept, and a partial download is continued.
 * @throws ModelError, CheckpointError, and Error for a failed download or a disk with too little space
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
  const wanted = filesOfCheckpoint(repository);
  await requireRoom(await download.missingBytes(wanted), locations.modelsDir);
  for (const file of wanted) await download.fetch(file);
  hooks.signal?.throwIfAborted();
  hooks.onFetched?.();
  if (known) await requireDrawable(download.folder);
  await download.finish();
  if (!known) return addCheckpoint({ paths: [folder], mode, member }, naming, locations, hooks);
  return addOrKeep("checkpoint", folder, naming, locations);
}

import { basename, dirname } from "node:path";
import { CheckpointError, weightsFile } from "../../weights/index.ts";
import { ModelError } from "../errors.ts";
import type { HubFile } from "../hub/index.ts";
import { COMPANIONS, COMPONENT_FOLDERS, COMPONENTS } from "./component-folder.ts";

/** The files of a repository. */
interface Listing {
  readonly name: string;
  readonly files: readonly HubFile[];
}

/**
 * The files that a checkpoint in diffusers layout uses: as in diffusers `model_index.json` and the folders of the components, with weights
 * of one variant. Other files of the repository are not downloaded.
 * @throws ModelError `notACheckpoint` naming the component without weights, or with several variants
 */
export function filesOfCheckpoint(repository: Listing): HubFile[] {
  const own = repository.files.filter(({ path }) => path === "model_index.json" || path === "card.json");
  const companions = COMPANIONS.flatMap((folder) => within(repository, folder).filter(isText));
  const components = COMPONENTS.flatMap((name) => filesOfNetwork(repository, name, COMPONENT_FOLDERS[name].stem));
  return [...own, ...companions, ...components];
}

/**
 * The files that a ControlNet uses: its config and weights of one variant.
 * @throws ModelError as `filesOfCheckpoint` does
 */
export function filesOfControlNet(repository: Listing): HubFile[] {
  return filesOfNetwork(repository, ".", "diffusion_pytorch_model");
}

function filesOfNetwork(repository: Listing, folder: string, stem: string): HubFile[] {
  const files = within(repository, folder);
  const names = files.map(({ path }) => basename(path));
  const first = leadingFile(names, stem, folder === "." ? repository.name : `${repository.name}/${folder}`);
  const shards = names.filter((name) => isShardOf(first, name));
  return files.filter((_, i) => ["config.json", first, ...shards].includes(names[i]!));
}

function leadingFile(names: readonly string[], stem: string, place: string): string {
  try {
    return weightsFile(names, stem, place);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new ModelError("notACheckpoint", error.message, { cause: error });
  }
}

/**
 * True for a shard of the weights that an index leads to. Shards of a variant have its name in one of two places:
 * `model.fp16-00001-of-00002.safetensors`, or `model-00001-of-00002.fp16.safetensors`.
 */
function isShardOf(index: string, name: string): boolean {
  const leads = /\.safetensors\.index(\.[\w-]+)?\.json$/.exec(index);
  const shard = /^[^.]*?(\.[\w-]+?)?-\d+-of-\d+(\.[\w-]+)?\.safetensors$/.exec(name);
  return leads !== null && shard !== null && (shard[1] ?? shard[2]) === leads[1];
}

const within = ({ files }: Listing, folder: string) => files.filter(({ path }) => dirname(path) === folder);

const isText = ({ path }: HubFile) => /\.(json|txt|jinja)$/.test(path);

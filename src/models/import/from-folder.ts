import { basename, join } from "node:path";
import { CheckpointError, openWeights, readJson } from "../../weights/index.ts";
import { readCard } from "../card.ts";
import { COMPONENT_FOLDERS, COMPONENTS, type Component, companions, openComponent } from "./component-folder.ts";
import type { Config } from "./configs.ts";
import { type CheckpointFiles, type Ingredients, type InPlace, LARGE, type Opened } from "./ingredients.ts";
import { type MemberName, memberNamed } from "./members.ts";
import type { Part } from "./parts.ts";
import { wholePiece } from "./pieces.ts";

/**
 * The ingredients of a checkpoint in diffusers layout: the folder itself, if the engine can run it unchanged.
 * @throws CheckpointError naming a flag that does not apply, or that it is already converted
 */
export async function fromFolder(
  folder: string,
  files: CheckpointFiles,
  opened: Opened,
): Promise<Omit<Ingredients, "close"> | Omit<InPlace, "close">> {
  const given = Object.entries({
    "--text-encoder": files.textEncoder,
    "--vae": files.vae,
    "--vision": files.vision,
    "--base": files.base,
  });
  const flag = given.find(([, value]) => value !== undefined)?.[0];
  if (flag) throw new CheckpointError(`${folder} is a complete checkpoint; remove ${flag}`);
  if (await isConverted(folder)) {
    if (!files.merge?.length && (files.mode === undefined || files.mode === "keep"))
      return { inPlace: folder, member: await memberIn(folder, files) };
    throw new CheckpointError(
      `${folder} is already converted; add the original files to ${files.merge?.length ? "merge into them" : "have other weights"}`,
    );
  }
  const found: { component: Component; part: Part; files: readonly string[]; config: Config }[] = [];
  let weights = 0;
  let isPlain = true;
  for (const component of COMPONENTS) {
    const place = join(folder, component);
    const open = await openComponent(place, component);
    opened.push(open);
    for (const tensor of open.tensors.values()) {
      isPlain &&= tensor.plain !== undefined || /^(I|U|BOOL)/.test(tensor.stored);
      if (component === "transformer") weights += tensor.shape.reduce((product, size) => product * size, 1);
    }
    const config = (await readJson(join(place, "config.json"))) as Config;
    const part: Part = { kind: component, from: place, tensors: open.tensors, zeroCondT: false };
    found.push({ component, part, files: open.files, config });
  }
  const mode = files.mode ?? (weights >= LARGE ? "int8" : "keep");
  const member = await memberIn(folder, files);
  if (mode === "keep" && isPlain && !files.merge?.length) return { inPlace: folder, member };
  const index = (await readJson(join(folder, "model_index.json"))) as Config;
  const title = titleOf(folder);
  return {
    title,
    member,
    isLarge: weights >= LARGE,
    card: (await readCard(join(folder, "card.json"))) ?? {},
    pieces: await Promise.all(
      found.map(({ component, part, files, config }) => wholePiece(component, part, files, mode, config)),
    ),
    configs: { "model_index.json": index },
    copies: companions(folder),
  };
}

/** The member in a folder. The pipeline says whether it edits, the transformer whether it is 2511, the name decides the rest. */
async function memberIn(folder: string, { member }: CheckpointFiles): Promise<MemberName> {
  if (member !== undefined) return member;
  const { _class_name: pipeline } = (await readJson(join(folder, "model_index.json"))) as { _class_name?: unknown };
  const { zero_cond_t: zero } = (await readJson(join(folder, "transformer", "config.json"))) as {
    zero_cond_t?: unknown;
  };
  if (/^QwenImageEditPlus/.test(String(pipeline))) return zero === true ? "edit-2511" : "edit-2509";
  if (/^QwenImageEdit/.test(String(pipeline))) return "edit";
  return memberNamed(titleOf(folder)) === "2512" ? "2512" : "base";
}

/** True when the weights of a checkpoint were converted by Inkstone. */
async function isConverted(folder: string): Promise<boolean> {
  const { folder: name, stem } = COMPONENT_FOLDERS.transformer;
  const weights = await openWeights(join(folder, name), stem).catch(() => undefined);
  return weights?.names.some((tensor) => weights.find(tensor)!.quantised !== undefined) ?? false;
}

/** Name of the folder, or of the repository for a snapshot in the hub's cache. */
function titleOf(folder: string): string {
  const repository = /models--(.+?)--(.+?)\/snapshots\//.exec(`${folder}/`);
  return repository ? `${repository[1]}/${repository[2]}` : basename(folder);
}

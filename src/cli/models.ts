import { resolve } from "node:path";
import { type Command, Option } from "commander";
import {
  ADAPTER_KINDS,
  type Adapter,
  type AdapterKind,
  airPattern,
  listAdapters,
  listModels,
  type Model,
  modelLocations,
  referenceCount,
} from "../models/index.ts";
import { addAdapter, removeAdapter, removeModel } from "../models/install/index.ts";
import {
  addCheckpointFrom,
  type CheckpointFlags,
  checkpointFiles,
  requireCheckpoint,
  withCheckpointFlags,
} from "./add-model.ts";
import { requireOwner } from "./data-owner.ts";
import { UsageError } from "./exit.ts";
import { type PullFlags, pullModel } from "./pull-model.ts";
import { shareCommand, unshareCommand } from "./share-model.ts";
import { print, type Terminal } from "./terminal.ts";

type Kind = "checkpoint" | AdapterKind;

/** `inkstone models list|add|pull|remove`. */
export function addModels(command: Command, terminal: Terminal): void {
  command
    .command("list")
    .description("List models: AIR, name, folder.")
    .option("--json", "The cards as a JSON array.")
    .action(async (options: { json?: true }) => {
      const locations = modelLocations(terminal.env);
      const [found, adapters] = [await listModels(locations), await listAdapters(locations)];
      if (options.json) {
        const cards = [
          ...(await Promise.all(found.map(asJson))),
          ...adapters.map(({ card, path, origin }) => ({ ...card, path, origin })),
        ];
        print(terminal, JSON.stringify(cards, undefined, 2));
      } else print(terminal, [...(await Promise.all(found.map(asText))), ...adapters.map(adapterText)].join("\n\n"));
    });
  withCheckpointFlags(
    command
      .command("add")
      .description(
        "Register a checkpoint, a LoRA or a ControlNet. Weights that can be used in place stay there. Others are converted into the models folder.",
      )
      .argument(
        "<path...>",
        "Checkpoint: a folder in diffusers layout, a repository in the hub's cache, or a file of a transformer (safetensors, GGUF). ControlNet: a folder. LoRA: a safetensors file.",
      )
      .option(
        "--air <air>",
        "Identifier of the model in tasks, source:id@version (default for a checkpoint: its vendor's identifier, runware:108@1 for Qwen-Image).",
      )
      .option("--name <name>", "Display name (default: the name in its card, or of the file or folder).")
      .addOption(kindOption()),
  )
    .addHelpText("after", addNotes)
    .action(async (paths: string[], flags: CheckpointFlags & { air?: string; name?: string; kind: Kind }) => {
      const { air, name, kind } = flags;
      requireOwner(modelLocations(terminal.env).modelsDir);
      if (air !== undefined && !airPattern.test(air)) {
        throw new UsageError(`--air is "${air}"; allowed is source:id@version`);
      }
      requireCheckpoint(kind, flags, paths.length);
      if (kind === "checkpoint") {
        const files = await checkpointFiles(paths, flags, air, terminal);
        return print(terminal, await asText(await addCheckpointFrom(files, { air, name }, terminal)));
      }
      if (air === undefined)
        throw new UsageError(`--air is missing, and --kind ${kind} requires it: source:id@version`);
      const naming = { air, name };
      const place = resolve(terminal.cwd, paths[0]!);
      print(terminal, adapterText(await addAdapter(kind, place, naming, modelLocations(terminal.env))));
    });
  withCheckpointFlags(
    command
      .command("pull")
      .description(
        "Download a model from the Hugging Face hub and register it, or update it. An interrupted download continues. Large checkpoints are converted shard by shard.",
      )
      .argument("<owner/name>", "The repository.")
      .option(
        "--air <air>",
        "Identifier of the model in tasks (default: its vendor's identifier if it is published, else huggingface:OWNER.NAME@REVISION).",
      )
      .option(
        "--name <name>",
        "Display name (default: the name in its card, or of the repository; for a LoRA, of the file).",
      )
      .addOption(kindOption())
      .option("--revision <revision>", "Branch, tag or commit.", "main")
      .option(
        "--file <path>",
        "One file of the repository, by path or name: a transformer or a LoRA (default: the only one).",
      ),
  )
    .addHelpText("after", pullNotes)
    .action(async (repo: string, flags: PullFlags) => {
      requireOwner(modelLocations(terminal.env).modelsDir);
      const added = await pullModel(repo, flags, terminal);
      print(terminal, "folder" in added ? await asText(added) : adapterText(added));
    });
  command
    .command("remove")
    .description("Unregister a model. Its weights stay, except files that were converted for it.")
    .argument("<air>", "Identifier of the model.")
    .action(async (air: string) => {
      const locations = modelLocations(terminal.env);
      requireOwner(locations.modelsDir);
      const adapter = await removeAdapter(air, locations);
      if (adapter) return print(terminal, `removed ${air}; its weights are still in ${adapter.path}`);
      const { model, deleted } = await removeModel(air, locations);
      const isMade = model.folder.startsWith(model.registration!);
      const rest = isMade
        ? `with what was converted for it alone (${deleted.length} of its components)`
        : `its weights are still in ${model.folder}`;
      print(terminal, `removed ${air}; ${rest}`);
    });
  command.addCommand(shareCommand(terminal).copyInheritedSettings(command));
  command.addCommand(unshareCommand(terminal).copyInheritedSettings(command));
}

const addNotes = `
Examples:
  inkstone models add ~/Qwen-Image
  inkstone models add qwen-image-Q4_K_M.gguf --text-encoder Qwen2.5-VL-7B-Instruct-Q8_0.gguf --vae qwen_image_vae.safetensors --base ~/Qwen-Image
  inkstone models add neon.safetensors --kind lora --air me:neon@1`;

const pullNotes = `
Examples:
  inkstone models pull Qwen/Qwen-Image
  inkstone models pull city96/Qwen-Image-gguf --file qwen-image-Q4_K_M.gguf --base runware:108@1 --air me:q4@1
  inkstone models pull lightx2v/Qwen-Image-Lightning --kind lora --file Qwen-Image-Lightning-4steps-V2.0.safetensors

Environment:
  HF_TOKEN     for repositories that are not public
  HF_ENDPOINT  address of the hub (default: the public one)`;

function kindOption(): Option {
  return new Option("--kind <kind>", `Kind of model: checkpoint, ${ADAPTER_KINDS.join(" or ")}.`)
    .choices(["checkpoint", ...ADAPTER_KINDS])
    .default("checkpoint");
}

async function asJson({ card, folder, origin }: Model) {
  return { ...card, checkpoint: folder, origin, references: await referenceCount(folder) };
}

async function asText({ card, folder, origin }: Model): Promise<string> {
  const also = card.aliases.length > 0 ? ` (also ${card.aliases.join(", ")})` : "";
  const budget = card.maxPixels === undefined ? "" : `, generates up to ${card.maxPixels} pixels and enlarges beyond`;
  const { width, height, steps, CFGScale } = card.defaults;
  const { max } = await referenceCount(folder);
  const edits = max === 0 ? "" : `, edits ${max === 1 ? "one reference image" : `1 to ${max} reference images`}`;
  const size = max === 0 ? `${width}×${height}` : "a megapixel at the last image's aspect ratio";
  return [
    `${card.air}${also}`,
    `  ${card.name}, ${origin}${edits}${budget}`,
    `  defaults: ${size}, ${steps} steps, CFGScale ${CFGScale}`,
    `  ${folder}`,
  ].join("\n");
}

function adapterText({ card, path, origin }: Adapter): string {
  const also = card.aliases.length > 0 ? ` (also ${card.aliases.join(", ")})` : "";
  return [`${card.air}${also}`, `  ${card.name}, ${card.kind}, ${origin}`, `  ${path}`].join("\n");
}

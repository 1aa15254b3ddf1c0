import { resolve } from "node:path";
import { Command } from "commander";
import { addModel, listModels, type Model, modelLocations, removeModel } from "../models/index.ts";
import { print, type Terminal } from "./terminal.ts";

/** `inkstone models list|add|remove`. */
export function modelsCommand(terminal: Terminal): Command {
  const models = new Command("models").description("The models that tasks can name.");
  models
    .command("list")
    .description("List models: AIR, name, folder.")
    .option("--json", "the cards as a JSON array")
    .action(async (options: { json?: true }) => {
      const found = await listModels(modelLocations(terminal.env));
      if (options.json) print(terminal, JSON.stringify(found.map(asJson), undefined, 2));
      else print(terminal, found.map(asText).join("\n\n"));
    });
  models
    .command("add")
    .description("Register a checkpoint folder (diffusers layout). Its weights stay where they are.")
    .argument("<folder>", "folder with model_index.json")
    .option("--air <air>", "identifier that tasks name it by, source:id@version", "runware:108@1")
    .option("--name <name>", "name for people (default: its card's, or the folder's)")
    .action(async (folder: string, { air, name }: { air: string; name?: string }) => {
      const naming = name === undefined ? { air } : { air, name };
      const added = await addModel(resolve(terminal.cwd, folder), naming, modelLocations(terminal.env));
      print(terminal, asText(added));
    });
  models
    .command("remove")
    .description("Forget a model that was added. Its weights stay.")
    .argument("<air>", "its identifier")
    .action(async (air: string) => {
      const removed = await removeModel(air, modelLocations(terminal.env));
      print(terminal, `removed ${removed.card.air}; its weights are still in ${removed.folder}`);
    });
  return models;
}

function asJson({ card, folder, origin }: Model) {
  return { ...card, checkpoint: folder, origin };
}

function asText({ card, folder, origin }: Model): string {
  const also = card.aliases.length > 0 ? ` (also ${card.aliases.join(", ")})` : "";
  const budget = card.maxPixels === undefined ? "" : `, draws up to ${card.maxPixels} pixels and enlarges beyond`;
  const { width, height, steps, CFGScale } = card.defaults;
  return [
    `${card.air}${also}`,
    `  ${card.name}, ${origin}${budget}`,
    `  unless told otherwise: ${width}×${height}, ${steps} steps, CFGScale ${CFGScale}`,
    `  ${folder}`,
  ].join("\n");
}

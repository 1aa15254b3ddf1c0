import { Command } from "commander";
import { version } from "../version.ts";
import { doctorCommand } from "./doctor.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { keysCommand } from "./keys.ts";
import { modelsCommand } from "./models.ts";
import { preprocessCommand } from "./preprocess.ts";
import { schedulersCommand } from "./schedulers.ts";
import { serveCommand } from "./serve.ts";
import { storageCommand } from "./storage.ts";
import type { Terminal } from "./terminal.ts";
import { upscaleCommand } from "./upscale.ts";

/** The whole command line, ready to parse. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command("inkstone")
    .description("Qwen-Image on your own machine: draw from the command line, or serve the imageInference API.")
    .version(version)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .addHelpText("after", environmentHelp);
  for (const command of [
    generateCommand,
    preprocessCommand,
    upscaleCommand,
    serveCommand,
    keysCommand,
    storageCommand,
    inspectCommand,
    modelsCommand,
    schedulersCommand,
    doctorCommand,
  ]) {
    program.addCommand(command(terminal).copyInheritedSettings(program));
  }
  return program;
}

const environmentHelp = `
Environment:
  INKSTONE_DATA_DIR    folder for everything kept (default: inkstone in the user's data folder)
  INKSTONE_MODELS_DIR  folder of installed models (default: models in the data folder)
  NO_COLOR             no colours`;

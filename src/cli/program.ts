import { Command } from "commander";
import { oldestNode, version } from "../version.ts";
import { doctorCommand } from "./doctor.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { keysCommand } from "./keys.ts";
import { modelsCommand } from "./models.ts";
import { preprocessCommand } from "./preprocess.ts";
import { schedulersCommand } from "./schedulers.ts";
import { serveCommand } from "./serve.ts";
import { storageCommand } from "./storage.ts";
import { print, type Terminal } from "./terminal.ts";
import { upscaleCommand } from "./upscale.ts";

/** The whole command line, ready to parse. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command("inkstone")
    .description("Qwen-Image on your own machine: draw from the command line, or serve the imageInference API.")
    .version(version)
    .helpCommand("help [command]", "Say what a command does and takes.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(text + adviceOn(text)),
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
    program.addCommand(inherit(command(terminal), program));
  }
  program
    .command("version")
    .description("Print the version, as --version does.")
    .action(() => print(terminal, version));
  return program;
}

/** Hands settings down to the commands of commands too, which were made before these had any. */
function inherit(command: Command, from: Command): Command {
  command.copyInheritedSettings(from);
  for (const child of command.commands) inherit(child, command);
  return command;
}

/** What a prompt without quotes comes to: the shell took it apart. */
const adviceOn = (error: string): string =>
  error.includes("too many arguments for 'generate'")
    ? `Put quotes around the prompt: inkstone generate 'A red sign that says "OPEN"'\n`
    : "";

const environmentHelp = `
Environment:
  INKSTONE_DATA_DIR    folder for everything kept (default: inkstone in the user's data folder)
  INKSTONE_MODELS_DIR  folder of installed models (default: models in the data folder)
  NO_COLOR             no colours

Exit codes: 0 done, 1 failed (also where Node is older than ${oldestNode}), 2 wrongly asked, 130 stopped by Ctrl-C, 143 by SIGTERM.`;

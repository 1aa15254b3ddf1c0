import { Command } from "commander";
import { oldestNode, version } from "../version.ts";
import { print, type Terminal } from "./terminal.ts";

/** Adds arguments, flags and an action to a command. */
type Add = (command: Command, terminal: Terminal) => void;

/** Every command and its loader. Only the code of the requested command is loaded, so that `--help` is fast. */
const COMMANDS: readonly (readonly [name: string, about: string, load: () => Promise<Add>])[] = [
  [
    "generate",
    "Generate images from a prompt. Progress goes to stderr, the paths of the images to stdout.",
    async () => (await import("./generate.ts")).addGenerate,
  ],
  [
    "preprocess",
    "Make the guide image of a ControlNet from an image. Prints the path of the guide image.",
    async () => (await import("./preprocess.ts")).addPreprocess,
  ],
  [
    "upscale",
    "Enlarge an image, with sharp edges and lettering. Prints the path of the result.",
    async () => (await import("./upscale.ts")).addUpscale,
  ],
  [
    "vectorize",
    "Trace an image into an SVG file: shapes of one colour, sharp at every size. Prints the path of the file.",
    async () => (await import("./vectorize.ts")).addVectorize,
  ],
  ["serve", "Serve the imageInference API over HTTP and WebSocket.", async () => (await import("./serve.ts")).addServe],
  [
    "keys",
    "The API keys that may call the server. Only their hashes are stored.",
    async () => (await import("./keys.ts")).addKeys,
  ],
  ["storage", "The image storage of a server.", async () => (await import("./storage.ts")).addStorage],
  [
    "inspect",
    "Show size and format of images, and the parameters in the files.",
    async () => (await import("./inspect.ts")).addInspect,
  ],
  ["models", "The models that tasks can name.", async () => (await import("./models.ts")).addModels],
  [
    "schedulers",
    "List the names for --scheduler: solver and noise levels.",
    async () => (await import("./schedulers.ts")).addSchedulers,
  ],
  [
    "doctor",
    "Check this machine: Node, ONNX Runtime, the checkpoint, its memory plan and speed, the data folder.",
    async () => (await import("./doctor.ts")).addDoctor,
  ],
];

/**
 * The command line, ready to parse.
 * @param args the words to parse. Only the command in them is loaded; other commands have just a name and a
 * description. Default: all commands
 */
export async function createProgram(terminal: Terminal, args?: readonly string[]): Promise<Command> {
  const program = new Command("inkstone")
    .description(
      "Qwen-Image on your own machine: generate images from the command line, or serve the imageInference API.",
    )
    .version(version)
    .helpCommand("help [command]", "Show the help of a command.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(text + adviceOn(text)),
    })
    .addHelpText("after", environmentHelp);
  const words = args?.filter((word) => !word.startsWith("-"));
  const wanted = words?.[0] === "help" ? words[1] : words?.[0];
  for (const [name, about, load] of COMMANDS) {
    const command = program.command(name).description(about);
    if (args === undefined || name === wanted) (await load())(command, terminal);
  }
  program
    .command("version")
    .description("Print the version, like --version.")
    .action(() => print(terminal, version));
  return program;
}

/** Advice for a prompt without quotes, which the shell has split into words. */
const adviceOn = (error: string): string =>
  error.includes("too many arguments for 'generate'")
    ? `Put quotes around the prompt: inkstone generate 'A red sign that says "OPEN"'\n`
    : "";

const environmentHelp = `
Environment:
  INKSTONE_DATA_DIR    folder for all data (default: inkstone in the user's data folder)
  INKSTONE_MODELS_DIR  folder of installed models (default: models in the data folder)
  NO_COLOR             no colours

Exit codes: 0 done, 1 failed (also where Node is older than ${oldestNode}), 2 usage error, 130 stopped by Ctrl-C, 143 by SIGTERM.`;

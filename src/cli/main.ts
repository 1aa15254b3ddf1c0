import { styleText } from "node:util";
import { exitOf } from "./exit.ts";
import { createProgram } from "./program.ts";
import { listenForStop } from "./stop-signals.ts";
import { type Terminal, tell } from "./terminal.ts";

const terminal: Terminal = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  ...listenForStop(),
};

// A reader that closes early (`inkstone … | head -1`) must not cause a stack trace.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  const args = process.argv.slice(2);
  await (await createProgram(terminal, args)).parseAsync(args, { from: "user" });
} catch (error) {
  const { code, message } = exitOf(error);
  if (message) tell(terminal, `${styleText("red", "error:", { stream: process.stderr })} ${message}`);
  process.exitCode = code;
}

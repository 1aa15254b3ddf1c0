/** Runs the command line inside the test, with a made-up terminal. */

import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { exitOf } from "../src/cli/exit.ts";
import { createProgram } from "../src/cli/program.ts";

/** The smallest trained-shape checkpoint: random weights, draws noise in milliseconds. */
export const tinyCheckpoint = fileURLToPath(new URL("fixtures/plain/checkpoint", import.meta.url));

interface Surroundings {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** What comes by standard input. */
  readonly stdin?: string;
  /** Called with everything written to stderr, as it is written. */
  onStderr?(text: string): void;
}

/** What a run left behind: exit code and both streams, the error message as `main.ts` would add it. */
export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function inkstone(args: readonly string[], world: Surroundings = {}): Promise<Run> {
  const stdout = listener();
  const stderr = listener(world.onStderr);
  const { cwd = process.cwd(), signal = new AbortController().signal } = world;
  // Nothing of whoever runs the tests.
  const env = { INKSTONE_DATA_DIR: join(cwd, "inkstone-data"), ...world.env };
  try {
    const streams = { stdout: stdout.stream, stderr: stderr.stream, stdin: Readable.from([world.stdin ?? ""]) };
    const terminal = { ...streams, cwd, env, signal, onStopAgain() {} };
    await (await createProgram(terminal, args)).parseAsync(args, { from: "user" });
    return { code: 0, out: stdout.text(), err: stderr.text() };
  } catch (error) {
    const { code, message } = exitOf(error);
    return { code, out: stdout.text(), err: stderr.text() + message };
  }
}

/** A stream that keeps what is written to it. */
export function listener(onText: (text: string) => void = () => {}) {
  let heard = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      heard += chunk;
      onText(String(chunk));
      done();
    },
  });
  return { stream, text: () => heard };
}

import type { Readable, Writable } from "node:stream";

/** The environment of a command: streams, folder and signals. Passed as an argument, so that tests can replace it. */
export interface Terminal {
  /** Results: paths, tables, JSON. */
  readonly stdout: Writable;
  /** Everything else: progress, notes, errors. */
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** The input for `-` in place of a file. */
  readonly stdin: Readable;
  readonly env: NodeJS.ProcessEnv;
  /** The base of relative paths. */
  readonly cwd: string;
  /** Aborts when the user (Ctrl-C) or the system (SIGTERM) requests a stop. */
  readonly signal: AbortSignal;
  /** Sets the action for a second request to stop. By default, the process then ends at once. */
  onStopAgain(action: () => void): void;
}

/** Writes a line of results. */
export function print(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`);
}

/** Writes a line for the user. */
export function tell(terminal: Pick<Terminal, "stderr">, line: string): void {
  terminal.stderr.write(`${line}\n`);
}

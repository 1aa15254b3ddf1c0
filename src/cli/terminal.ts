import type { Readable, Writable } from "node:stream";

/** What a command knows of the world around it. Handed in, so that tests can be the world. */
export interface Terminal {
  /** Results: paths, tables, JSON. */
  readonly stdout: Writable;
  /** Everything about the way there: progress, notes, errors. */
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** For `-` in place of a file. */
  readonly stdin: Readable;
  readonly env: NodeJS.ProcessEnv;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** Aborts when the user asks to stop (Ctrl-C) or the system does (SIGTERM). */
  readonly signal: AbortSignal;
  /** Says what being asked once more does. Unless it was called, the process then ends at once. */
  onStopAgain(action: () => void): void;
}

/** Writes a line of results. */
export function print(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`);
}

/** Writes a line for the person who waits. */
export function tell(terminal: Pick<Terminal, "stderr">, line: string): void {
  terminal.stderr.write(`${line}\n`);
}

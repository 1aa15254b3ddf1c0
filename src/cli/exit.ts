/**
 * Exit codes: 0 done, 1 failed (also where Node is too old), 2 wrongly asked, 130 stopped by Ctrl-C, 143 stopped by SIGTERM. Asked a second time, every command
 * but `serve` ends at once.
 */

import { CommanderError } from "commander";

/** Something was asked for that cannot be: exit code 2. The message names what was given and what is allowed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What stands behind the codes that a system gives its errors. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "it can only be read",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EEXIST: "a file of that name is in the way",
  ENOTDIR: "a file of that name is in the way",
  ENOENT: "there is no such place",
};

/** Why something failed, in plain words where it is the system's error. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return ("code" in error && REASONS[String(error.code)]) || error.message;
}

/** Errors that say what is allowed. Known by name: importing their classes would load the engine for `--help`. */
const WRONGLY_ASKED = new Set(["UsageError", "ImageError", "ModelError", "ConfigError", "ParameterError"]);

/** Why `Terminal.signal` aborted. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  readonly exitCode: number;
  constructor(by: "SIGINT" | "SIGTERM") {
    super(`stopped by ${by}`);
    this.exitCode = by === "SIGINT" ? 130 : 143;
  }
}

/**
 * Maps what a command threw to an exit code and what is left to say on stderr; commander has said its own errors, and who presses
 * Ctrl-C need not be told.
 */
export function exitOf(error: unknown): { code: number; message: string } {
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, message: "" };
  if (error instanceof Stopped) return { code: error.exitCode, message: "" };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && WRONGLY_ASKED.has(error.name)) return { code: 2, message };
  return { code: 1, message: isFull(error) ? `${message}. ${FULL}` : message };
}

const FULL =
  "The disk is full: free some space on it, or choose another place (--out for pictures, INKSTONE_DATA_DIR and INKSTONE_MODELS_DIR for the rest).";

/** Whether an error, or what caused it, is a full disk. */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) || isFull(error.cause);
}

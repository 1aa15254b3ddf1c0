/**
 * Exit codes: 0 done, 1 failed (also if Node is too old), 2 usage error, 130 stopped by Ctrl-C, 143 stopped by SIGTERM.
 * On a second request to stop, every command except `serve` ends at once.
 */

import { CommanderError } from "commander";
import { DISK_REASONS, isDiskFull } from "../disk-error.ts";

/** A usage error: exit code 2. The message names the given value and the allowed values. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The meaning of error codes of the operating system. */
const REASONS: Readonly<Record<string, string>> = {
  ...DISK_REASONS,
  EEXIST: "a file of that name already exists",
  ENOTDIR: "a file of that name already exists",
  ENOENT: "no such file or folder",
};

/** The reason of a failure, in plain words for errors of the operating system. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return ("code" in error && REASONS[String(error.code)]) || error.message;
}

/** Usage errors, listed by name: importing their classes would load the engine for `--help`. */
const WRONGLY_ASKED = new Set(["UsageError", "ImageError", "ModelError", "ConfigError", "ParameterError"]);

/** The reason with which `Terminal.signal` aborts. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  readonly exitCode: number;
  constructor(by: "SIGINT" | "SIGTERM") {
    super(`stopped by ${by}`);
    this.exitCode = by === "SIGINT" ? 130 : 143;
  }
}

/**
 * Maps an error of a command to an exit code and a message for stderr. Errors that commander has already printed, and
 * Ctrl-C, have no message.
 */
export function exitOf(error: unknown): { code: number; message: string } {
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? 0 : 2, message: "" };
  if (error instanceof Stopped) return { code: error.exitCode, message: "" };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && WRONGLY_ASKED.has(error.name)) return { code: 2, message };
  return { code: 1, message: isDiskFull(error) ? `${message}. ${FULL}` : message };
}

const FULL =
  "The disk is full. Free some space, or choose another place: --out for images, INKSTONE_DATA_DIR and INKSTONE_MODELS_DIR for other files.";

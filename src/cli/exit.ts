/**
 * Exit codes: 0 done, 1 failed, 2 wrongly asked, 130 stopped by Ctrl-C, 143 stopped by SIGTERM. Asked a second time, every command
 * but `serve` ends at once.
 */

import { CommanderError } from "commander";
import { ModelError } from "../models/index.ts";
import { ImageError } from "../pictures/index.ts";
import { ConfigError } from "../settings/index.ts";

/** Something was asked for that cannot be: exit code 2. The message names what was given and what is allowed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

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
  if (error instanceof UsageError || error instanceof ImageError) return { code: 2, message };
  if (error instanceof ModelError || error instanceof ConfigError) return { code: 2, message };
  // The engine's own classes are known by name: importing them would load ONNX Runtime for `--help`.
  if (error instanceof Error && error.name === "ParameterError") return { code: 2, message };
  return { code: 1, message };
}

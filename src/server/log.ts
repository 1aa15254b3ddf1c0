import { type DestinationStream, destination, pino, stdSerializers } from "pino";
import { readableLog } from "./readable-log.ts";

/** The log of the server: named facts and a sentence. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface LogOptions {
  readonly level: string;
  /** True if prompts appear. */
  readonly prompts: boolean;
  /** `auto` is text on a terminal, otherwise JSON. Default: JSON. */
  readonly format?: "auto" | "json" | "text";
}

/** Keys whose values never appear in the log. */
const SECRETS = ["apiKey", "authorization", "webhookURL", "uploadEndpoint", "webhookSecret"];
const PROMPTS = ["positivePrompt", "negativePrompt", "prompt"];

/** A log of JSON lines or text, by default on standard error. Removes secrets everywhere, and prompts by default. */
export function createLog({ level, prompts, format = "json" }: LogOptions, stream?: DestinationStream): Log {
  const isText = format === "text" || (format === "auto" && process.stderr.isTTY);
  const hidden = prompts ? SECRETS : [...SECRETS, ...PROMPTS];
  const paths = hidden.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  const serializers = { err: stdSerializers.err, error: stdSerializers.err };
  return pino(
    { level, base: null, serializers, redact: { paths, censor: "[hidden]" } },
    stream ?? (isText ? readableLog(process.stderr) : destination(2)),
  );
}

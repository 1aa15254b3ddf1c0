import { type DestinationStream, destination, pino, stdSerializers } from "pino";
import { readableLog } from "./readable-log.ts";

/** What the server reports: facts by name, and a sentence. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface LogOptions {
  readonly level: string;
  /** Whether prompts appear. */
  readonly prompts: boolean;
  /** `auto` is for people where it goes to a terminal, else JSON. Default: JSON. */
  readonly format?: "auto" | "json" | "text";
}

/** Keys whose values never reach the log. */
const SECRETS = ["apiKey", "authorization", "webhookURL", "uploadEndpoint", "webhookSecret"];
const PROMPTS = ["positivePrompt", "negativePrompt", "prompt"];

/** A log on standard error unless told otherwise, of JSON lines or for people. Secrets are cut out wherever they stand, prompts by default. */
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

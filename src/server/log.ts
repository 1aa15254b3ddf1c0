import { type DestinationStream, destination, pino, stdSerializers } from "pino";

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
}

/** Keys whose values never reach the log. */
const SECRETS = ["apiKey", "authorization", "webhookURL", "uploadEndpoint", "webhookSecret"];
const PROMPTS = ["positivePrompt", "negativePrompt", "prompt"];

/** A log of JSON lines, on standard error unless told otherwise. Secrets are cut out wherever they stand, prompts by default. */
export function createLog({ level, prompts }: LogOptions, stream: DestinationStream = destination(2)): Log {
  const hidden = prompts ? SECRETS : [...SECRETS, ...PROMPTS];
  const paths = hidden.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  const serializers = { err: stdSerializers.err, error: stdSerializers.err };
  return pino({ level, base: null, serializers, redact: { paths, censor: "[hidden]" } }, stream);
}

import { type DestinationStream, destination, type Logger, pino, stdSerializers } from "pino";

export type Log = Logger;

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

/** Limits for callers that have not authenticated. */

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { TaskError } from "../../protocol/index.ts";
import type { KeyRing } from "./api-keys.ts";
import { bearerKey, identify } from "./caller.ts";

/** Bytes that are enough for an `authentication` task and some others. */
export const UNAUTHENTICATED_BYTES = 64 * 1024;

/** Returns the error of a caller without a valid key; undefined for a valid key. */
type Refusal = (key: string | undefined) => Promise<TaskError | undefined>;

/**
 * The body of a request. Without a valid key, it ends in an error after `UNAUTHENTICATED_BYTES` without an
 * `authentication` task: `missingApiKey` or `invalidApiKey`. If no key would help, the request is refused unread:
 * `forbidden`.
 */
export async function guardBody(keys: KeyRing, request: IncomingMessage, body: Readable): Promise<Readable> {
  const { "content-length": length = 0, "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && Number(length) <= UNAUTHENTICATED_BYTES) return body;
  const refusalOf: Refusal = (key) => identify(keys, key, request).then(() => undefined, tooMuch);
  const refusal = await refusalOf(bearerKey(request));
  if (refusal === undefined) return body;
  if (refusal.code === "forbidden") throw refusal;
  return Readable.from(untilRefused(body, refusal, refusalOf), { objectMode: false });
}

function tooMuch(thrown: unknown): TaskError {
  if (!(thrown instanceof TaskError)) throw thrown;
  if (thrown.code !== "missingApiKey") return thrown;
  const reason = ` In a body of more than ${UNAUTHENTICATED_BYTES} bytes, it must be in the first ${UNAUTHENTICATED_BYTES}.`;
  return new TaskError("missingApiKey", { reason }, thrown.facts);
}

async function* untilRefused(body: Readable, refusal: TaskError, refusalOf: Refusal): AsyncGenerator<Buffer> {
  const beginning: Buffer[] = [];
  let bytes = 0;
  // Destroying the body would close the connection before the reply.
  for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (bytes <= UNAUTHENTICATED_BYTES) {
      beginning.push(piece);
      bytes += piece.length;
      if (bytes > UNAUTHENTICATED_BYTES) {
        const key = keyInBody(Buffer.concat(beginning));
        const still = key === undefined ? refusal : await refusalOf(key);
        if (still !== undefined) throw still;
      }
    }
    yield piece;
  }
}

/**
 * The key of an `authentication` task at the beginning of a body. In texts of other tasks, its quotes would be escaped.
 */
export function keyInBody(body: Buffer): string | undefined {
  const at = body.indexOf('"apiKey"');
  if (at === -1 || at >= UNAUTHENTICATED_BYTES) return undefined;
  const beginning = body.toString("utf8", at, Math.min(at + 1_000, UNAUTHENTICATED_BYTES));
  const literal = /^"apiKey"\s*:\s*("(?:[^"\\]|\\.)+")/.exec(beginning)?.[1];
  try {
    return literal === undefined ? undefined : (JSON.parse(literal) as string);
  } catch {
    return undefined;
  }
}

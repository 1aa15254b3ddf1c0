/** Callers that have not proved who they are: how much they may send. */

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { TaskError } from "../../protocol/index.ts";
import type { KeyRing } from "./api-keys.ts";
import { bearerKey, identify } from "./caller.ts";

/** Room for an `authentication` task and some others. */
export const UNAUTHENTICATED_BYTES = 64 * 1024;

/** Tells why a caller with this key is a stranger; undefined when it is none. */
type Refusal = (key: string | undefined) => Promise<TaskError | undefined>;

/**
 * The body of a request. A stranger's ends in an error once it is longer than `UNAUTHENTICATED_BYTES` and no `authentication` task has come
 * with them: `missingApiKey` or `invalidApiKey`. Where no key would help it is refused unread: `forbidden`.
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
  const reason = ` In a body of more than ${UNAUTHENTICATED_BYTES} bytes it has to be among the first so many.`;
  return new TaskError("missingApiKey", { reason }, thrown.facts);
}

async function* untilRefused(body: Readable, refusal: TaskError, refusalOf: Refusal): AsyncGenerator<Buffer> {
  const beginning: Buffer[] = [];
  let bytes = 0;
  // Destroying the body would take the connection with it, and the reply.
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

/** The key of an `authentication` task in the beginning of a body. (In texts of other tasks the quotes would be escaped.) */
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

/** Replies: items of `data` and `errors`, and their JSON text, one item at a time. */

import type { FastifyReply } from "fastify";
import {
  type DataItem,
  type ErrorItem,
  type ErrorOwner,
  errorItem,
  stringifyJson,
  TaskError,
} from "../../protocol/index.ts";
import { DatabaseUnavailableError } from "../database/index.ts";
import { StorageUnavailableError } from "../storage/index.ts";

/** An item of `data` that is made when it is sent. Images in base64 are large, so only one is in memory at a time. */
export interface LazyItem {
  /** The task of the error, if the item cannot be made. */
  readonly owner: ErrorOwner;
  make(): DataItem | Promise<DataItem>;
}

/** Makes one item, or the error that replaces it. */
export async function made(
  { make, owner: { taskUUID, taskType } }: LazyItem,
  documentation: string,
): Promise<{ readonly item: DataItem } | { readonly failed: ErrorItem }> {
  try {
    return { item: await make() };
  } catch (thrown) {
    return { failed: errorItem(asTaskError(thrown).body, { taskUUID, taskType }, documentation) };
  }
}

/** The answer to a task. */
export interface Answer {
  readonly data: readonly LazyItem[];
  readonly errors: readonly ErrorItem[];
}

/** An answer of ready items. */
export const answerWith = (...items: readonly DataItem[]): Answer => ({
  data: items.map((item) => ({ owner: item, make: () => item })),
  errors: [],
});

/** An answer of errors only. */
export const refuseWith = (errors: readonly TaskError[], owner: ErrorOwner, documentation: string): Answer => ({
  data: [],
  errors: errors.map((error) => errorItem(error.body, owner, documentation)),
});

/**
 * Converts any thrown value to an error of the catalogue. An outage is `serviceUnavailable`. Anything unknown is a
 * defect, and its reply contains no details.
 */
export function asTaskError(thrown: unknown): TaskError {
  if (thrown instanceof TaskError) return thrown;
  const cause = { cause: thrown };
  const outage = (reason: string) => new TaskError("serviceUnavailable", { reason }, { retryAfter: 5 }, cause);
  if (thrown instanceof DatabaseUnavailableError) return outage("Its database is unreachable.");
  if (thrown instanceof StorageUnavailableError) return outage("Its disk cannot be used.");
  return new TaskError("internalServerError", {}, {}, cause);
}

/** The text of one reply: `{"data":[…],"errors":[…]}` without empty parts. Items that fail become errors. */
export async function* replyText({ data, errors }: Answer, documentation: string): AsyncGenerator<string> {
  const failed: ErrorItem[] = [...errors];
  let separator = '{"data":[';
  for (const lazy of data) {
    const result = await made(lazy, documentation);
    if ("failed" in result) failed.push(result.failed);
    else {
      yield separator + stringifyJson(result.item);
      separator = ",";
    }
  }
  const begun = separator === ",";
  if (begun && failed.length === 0) yield "]}";
  else if (begun) yield `],"errors":${stringifyJson(failed)}}`;
  else yield stringifyJson({ errors: failed });
}

/**
 * The reply as two complete texts. Results come first, because clients ignore everything else in a frame with errors.
 * Either text may be absent.
 */
export async function replyFrames({ data, errors }: Answer, documentation: string): Promise<string[]> {
  const failed: ErrorItem[] = [...errors];
  const items: string[] = [];
  for (const lazy of data) {
    const result = await made(lazy, documentation);
    if ("failed" in result) failed.push(result.failed);
    else items.push(stringifyJson(result.item));
  }
  const frames = items.length > 0 ? [`{"data":[${items.join(",")}]}`] : [];
  return failed.length > 0 ? [...frames, stringifyJson({ errors: failed })] : frames;
}

/** The body of an HTTP reply with errors only. Some clients read `errors`, others the singular `error`. */
export const failureText = (errors: readonly ErrorItem[]): string => stringifyJson({ errors, error: errors[0] });

/** Closes the connection of a client that reads nothing of a reply for a number of seconds. */
export function cutSlowReader({ raw }: FastifyReply, seconds: number): void {
  const { socket } = raw;
  if (socket === null) return;
  const cut = () => socket.destroy();
  socket.setTimeout(seconds * 1000, cut);
  // After the reply, Node has replaced this timeout with its keep-alive timeout.
  raw.once("close", () => socket.off("timeout", cut));
}

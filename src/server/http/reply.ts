/** What callers are answered: items of `data` and `errors`, and their JSON text, one item at a time. */

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

/** An item of `data`, made only when it is sent: images in base64 are large, and one at a time is enough. */
export interface LazyItem {
  /** Whose error it is when it cannot be made. */
  readonly owner: ErrorOwner;
  make(): DataItem | Promise<DataItem>;
}

/** Makes one item; when that fails, the error that stands in its place. */
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

/** What a task is answered with. */
export interface Answer {
  readonly data: readonly LazyItem[];
  readonly errors: readonly ErrorItem[];
}

/** An answer of items that need no work. */
export const answerWith = (...items: readonly DataItem[]): Answer => ({
  data: items.map((item) => ({ owner: item, make: () => item })),
  errors: [],
});

/** An answer that is only errors. */
export const refuseWith = (errors: readonly TaskError[], owner: ErrorOwner, documentation: string): Answer => ({
  data: [],
  errors: errors.map((error) => errorItem(error.body, owner, documentation)),
});

/**
 * Any thrown thing as a catalogue error. An outage is `serviceUnavailable`; what is none of ours is a defect and says nothing to
 * the caller.
 */
export function asTaskError(thrown: unknown): TaskError {
  if (thrown instanceof TaskError) return thrown;
  const cause = { cause: thrown };
  const outage = (reason: string) => new TaskError("serviceUnavailable", { reason }, { retryAfter: 5 }, cause);
  if (thrown instanceof DatabaseUnavailableError) return outage("Its database is away.");
  if (thrown instanceof StorageUnavailableError) return outage("Its disk is not usable.");
  return new TaskError("internalServerError", {}, {}, cause);
}

/** The text of one reply: `{"data":[…],"errors":[…]}`, empty parts left out. Items that fail become errors. */
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

/** The same as two texts, each whole: results first, as clients read of a frame with errors nothing else. Either may be absent. */
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

/** The body of an HTTP reply that is only errors: some clients read `errors`, others the singular `error`. */
export const failureText = (errors: readonly ErrorItem[]): string => stringifyJson({ errors, error: errors[0] });

/** Ends the connection of a client that takes nothing of a reply for so many seconds. */
export function cutSlowReader({ raw }: FastifyReply, seconds: number): void {
  const { socket } = raw;
  if (socket === null) return;
  const cut = () => socket.destroy();
  socket.setTimeout(seconds * 1000, cut);
  // After the reply Node has put its keep-alive time in place of this one.
  raw.once("close", () => socket.off("timeout", cut));
}

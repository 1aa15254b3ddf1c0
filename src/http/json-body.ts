/** Replies as JSON text, one item at a time: a reply may hold twenty images in base64. */

import { type ErrorItem, errorItem, stringifyJson } from "../protocol/index.ts";
import { type Answer, asTaskError, type LazyItem } from "./answer.ts";

/** The text of one reply: `{"data":[…],"errors":[…]}`, empty parts left out. Items that fail become errors. */
export async function* replyText({ data, errors }: Answer, documentation: string): AsyncGenerator<string> {
  const failed: ErrorItem[] = [...errors];
  let separator = '{"data":[';
  for (const lazy of data) {
    const item = await makeItem(lazy, documentation);
    if ("failed" in item) failed.push(item.failed);
    else {
      yield separator + item.text;
      separator = ",";
    }
  }
  const begun = separator === ",";
  if (begun && failed.length === 0) yield "]}";
  else if (begun) yield `],"errors":${stringifyJson(failed)}}`;
  else yield stringifyJson({ ...(data.length > 0 && { data: [] }), errors: failed });
}

async function makeItem({ make, owner: { taskUUID, taskType } }: LazyItem, documentation: string) {
  try {
    return { text: stringifyJson(await make()) };
  } catch (thrown) {
    return { failed: errorItem(asTaskError(thrown).body, { taskUUID, taskType }, documentation) };
  }
}

/** The body of an HTTP reply that is only errors: some clients read `errors`, others the singular `error`. */
export const failureText = (errors: readonly ErrorItem[]): string =>
  stringifyJson({ data: [], errors, error: errors[0] });

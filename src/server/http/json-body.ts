/** Replies as JSON text, one item at a time: a reply may hold twenty images in base64. */

import { type ErrorItem, stringifyJson } from "../../protocol/index.ts";
import { type Answer, made } from "./answer.ts";

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
  else yield stringifyJson({ ...(data.length > 0 && { data: [] }), errors: failed });
}

/** The body of an HTTP reply that is only errors: some clients read `errors`, others the singular `error`. */
export const failureText = (errors: readonly ErrorItem[]): string =>
  stringifyJson({ data: [], errors, error: errors[0] });

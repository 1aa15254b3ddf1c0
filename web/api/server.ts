/** Requests to the server of this page. The key is sent in a header, never in an address. */

import { parseJson, stringifyJson } from "./json.ts";
import type { ErrorItem } from "./types.ts";

/** The server refused the request; `item` is the first of its errors. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly item: ErrorItem;
  constructor(status: number, item: ErrorItem) {
    super(item.message);
    this.status = status;
    this.item = item;
  }
}

/** The server did not answer. */
export class ServerAway extends Error {
  override readonly name = "ServerAway";
}

let key: string | undefined;

/** Sets the key of all further requests. */
export function useKey(next: string | undefined): void {
  key = next;
}

/** Sends a request, with a file unchanged or any other body as JSON, and reads the reply. Throws `ApiError` or `ServerAway`. */
export async function request<Reply>(method: string, path: string, body?: unknown): Promise<Reply> {
  const headers: Record<string, string> = {};
  if (key !== undefined) headers.authorization = `Bearer ${key}`;
  const isFile = body instanceof Blob;
  if (body !== undefined) headers["content-type"] = isFile ? body.type : "application/json";
  const init: RequestInit = { method, headers, cache: "no-store" };
  if (body !== undefined) init.body = isFile || typeof body === "string" ? body : stringifyJson(body);
  const response = await fetch(path, init).catch((error: unknown) => {
    throw new ServerAway("The server does not answer", { cause: error });
  });
  const text = await response.text().catch((error: unknown) => {
    throw new ServerAway("The reply broke off", { cause: error });
  });
  const reply = read(text);
  const [error] = reply.errors ?? [];
  if (error !== undefined && (reply.data?.length ?? 0) === 0) throw new ApiError(response.status, error);
  if (!response.ok) throw new ApiError(response.status, { code: "unknownError", message: `${response.status}` });
  return reply as Reply;
}

/** Reads the text at a path. Throws `ApiError` or `ServerAway`. */
export async function requestText(path: string): Promise<string> {
  const response = await fetch(path, { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } }).catch(
    (error: unknown) => {
      throw new ServerAway("The server does not answer", { cause: error });
    },
  );
  if (!response.ok) throw new ApiError(response.status, { code: "unknownError", message: `${response.status}` });
  return response.text();
}

interface AnyReply {
  readonly data?: readonly unknown[];
  readonly errors?: readonly ErrorItem[];
}

function read(text: string): AnyReply {
  try {
    return parseJson<AnyReply>(text);
  } catch {
    return {};
  }
}

/** Runs one task and returns the first item of its reply. */
export async function runTask<Item>(task: object): Promise<Item> {
  const { data } = await request<{ data: readonly Item[] }>("POST", "/v1", [task]);
  return data[0]!;
}

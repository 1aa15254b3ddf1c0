/** Who is calling. */

import type { IncomingMessage } from "node:http";
import { TaskError } from "../../protocol/index.ts";
import type { OwnerId } from "../tasks/index.ts";
import { findKey, type KeyRing } from "./api-keys.ts";

/** A caller that may use the API. */
export interface Caller {
  readonly owner: OwnerId;
  readonly keyName: string;
}

/** The owner of all tasks on a server without keys. */
const LOCAL: Caller = { owner: "local", keyName: "local" };

/** The key of an `Authorization: Bearer` header. */
export function bearerKey(request: IncomingMessage): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
}

/** The caller behind a key and a connection. Throws `invalidApiKey`, `missingApiKey` or `forbidden`. */
export async function identify(keys: KeyRing, key: string | undefined, request: IncomingMessage): Promise<Caller> {
  const known = await keys.list();
  if (known.length === 0) {
    if ((await keys.isOpen()) && isLocal(request)) return LOCAL;
    throw new TaskError("forbidden");
  }
  if (key === undefined) throw new TaskError("missingApiKey", {}, { parameter: "apiKey", type: "string" });
  const found = findKey(known, key);
  if (found === undefined) throw new TaskError("invalidApiKey", {}, { parameter: "apiKey", type: "string" });
  return { owner: found.id, keyName: found.name };
}

/** How often the keys of open sockets and streams are looked at again. */
export const KEY_CHECK_MS = 5_000;

/** Whether the owner's key, with which a socket or stream was opened, may still call. A key file that cannot be read changes nothing. */
export async function isStillAllowed(keys: KeyRing, owner: OwnerId): Promise<boolean> {
  try {
    const known = await keys.list();
    return known.length === 0 ? owner === LOCAL.owner && (await keys.isOpen()) : known.some(({ id }) => id === owner);
  } catch {
    return true;
  }
}

/** Whether an address is this machine's own. */
export const isLoopback = (address: string | undefined): boolean => LOOPBACK.test(address ?? "");

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
/** What proxies add. Those that add nothing speak HTTP/1.0 to us, which no client of today does, as nginx does unless it is told otherwise. */
const FORWARDED =
  /^(x-forwarded-.*|forwarded|via|x-real-.*|x-client-ip|x-cluster-client-ip|x-original-.*|true-client-ip|fastly-client-ip|[a-z]+-connecting-ip|client-ip|x-envoy-.*|x-amzn-trace-id|x-arr-.*|x-rewrite-url|x-proxyuser-ip)$/;
const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/**
 * Whether a program on this machine is calling, directly. A page of some web site in a browser on this machine is not
 * (its Origin or, after a DNS trick, its Host gives it away), nor is a reverse proxy that speaks for somebody else.
 */
export function isLocal({ socket, headers, httpVersion }: IncomingMessage): boolean {
  if (!isLoopback(socket.remoteAddress)) return false;
  if (httpVersion === "1.0" || Object.keys(headers).some((name) => FORWARDED.test(name))) return false;
  if (headers.host !== undefined && !LOCAL_HOST.test(headers.host)) return false;
  const { origin } = headers;
  if (origin !== undefined) return isLoopbackOrigin(origin);
  // What browsers say by themselves where they send no Origin: an image or a form of another site.
  return headers["sec-fetch-site"] !== "cross-site";
}

/** Whether a page was served from the machine that its browser runs on. */
export const isLoopbackOrigin = (origin: string): boolean =>
  URL.canParse(origin) && LOCAL_HOST.test(new URL(origin).host);

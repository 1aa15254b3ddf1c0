/** Identification of callers. */

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

/** The caller with a key on a connection. Throws `invalidApiKey`, `missingApiKey` or `forbidden`. */
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

/** Milliseconds between checks of the keys of open sockets and streams. */
export const KEY_CHECK_MS = 5_000;

/**
 * True if the owner's key, which opened a socket or stream, is still valid. A key file that cannot be read changes
 * nothing.
 */
export async function isStillAllowed(keys: KeyRing, owner: OwnerId): Promise<boolean> {
  try {
    const known = await keys.list();
    return known.length === 0 ? owner === LOCAL.owner && (await keys.isOpen()) : known.some(({ id }) => id === owner);
  } catch {
    return true;
  }
}

/** True if an address belongs to this machine. */
export const isLoopback = (address: string | undefined): boolean => LOOPBACK.test(address ?? "");

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
/**
 * Headers that proxies add. A proxy that adds none uses HTTP/1.0, as nginx does by default. No current client uses
 * HTTP/1.0.
 */
const FORWARDED =
  /^(x-forwarded-.*|forwarded|via|x-real-.*|x-client-ip|x-cluster-client-ip|x-original-.*|true-client-ip|fastly-client-ip|[a-z]+-connecting-ip|client-ip|x-envoy-.*|x-amzn-trace-id|x-arr-.*|x-rewrite-url|x-proxyuser-ip)$/;
const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/**
 * True if a program on this machine calls directly. False for a page of a web site in a local browser: its Origin gives
 * it away, or its Host after DNS rebinding. Also false for a reverse proxy with requests of others.
 */
function isLocal({ socket, headers, httpVersion }: IncomingMessage): boolean {
  if (!isLoopback(socket.remoteAddress)) return false;
  if (httpVersion === "1.0" || Object.keys(headers).some((name) => FORWARDED.test(name))) return false;
  if (headers.host !== undefined && !LOCAL_HOST.test(headers.host)) return false;
  const { origin } = headers;
  if (origin !== undefined) return isLoopbackOrigin(origin);
  // Browsers send this header also if they send no Origin: for an image or a form of another site.
  return headers["sec-fetch-site"] !== "cross-site";
}

/** True if a page was served from the machine of its browser. */
export const isLoopbackOrigin = (origin: string): boolean =>
  URL.canParse(origin) && LOCAL_HOST.test(new URL(origin).host);

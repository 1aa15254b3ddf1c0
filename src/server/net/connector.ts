import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { type AllowList, isAllowedAddress } from "./address.ts";

/** Resolves a name to all of its addresses. */
export type Resolve = (hostname: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/**
 * A connector that connects only to allowed addresses. Node skips `lookup` for address literals, so literals are
 * checked first. A name is resolved once and every address is checked. The connection goes to a checked address without
 * a second resolution, which prevents DNS rebinding.
 */
export function guardedConnector(allow: AllowList, resolve: Resolve = resolveBySystem): buildConnector.connector {
  const lookupChecked: LookupFunction = (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const anyHost = allow.hosts.has(hostname.toLowerCase());
        const refused = addresses.length === 0 || addresses.some(({ address }) => !isAllowedAddress(address, allow));
        if (refused && !anyHost)
          return callback(new Error(`${hostname} resolves to an address that is not allowed`), "", 0);
        if (options.all) return callback(null, [...addresses]);
        const [first] = addresses;
        callback(null, first!.address, first!.family);
      },
      (error: Error) => callback(error, "", 0),
    );
  };
  const connect = buildConnector({ timeout: 10_000, lookup: lookupChecked } as buildConnector.BuildOptions);

  return (options, callback) => {
    const refusal = refusedHost(options.hostname, allow);
    if (refusal !== undefined) return callback(new Error(refusal), null);
    connect(options, callback);
  };
}

/** The reason to refuse a host by its name alone: private address literals, and names of the local network. */
export function refusedHost(hostname: string, allow: AllowList): string | undefined {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (isIP(host)) return isAllowedAddress(host, allow) ? undefined : `${host} is not allowed`;
  return host.includes(".") || allow.hosts.has(host) ? undefined : `${host} is a name of the local network`;
}

const resolveBySystem: Resolve = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

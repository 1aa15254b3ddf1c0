import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** Blocks of addresses, and host names that may resolve to any address. */
export interface AllowList {
  readonly blocks: readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];
  readonly hosts: ReadonlySet<string>;
}

/**
 * True if an address literal belongs to the public internet. False for private, loopback, link-local (cloud metadata),
 * carrier-grade NAT, multicast and documentation addresses. Also false for IPv6 forms that contain an IPv4 address or
 * tunnel to one.
 */
export function isPublicAddress(literal: string): boolean {
  const address = readAddress(literal);
  if (!address) return false;
  if (address instanceof ipaddr.IPv6 && isV4Compatible(address)) return false;
  return address.range() === "unicast";
}

/**
 * Parses entries such as `10.0.0.0/8`, `::1` and `minio.internal`. Throws a RangeError that names a malformed entry.
 */
export function readAllowList(entries: readonly string[]): AllowList {
  const blocks: [ipaddr.IPv4 | ipaddr.IPv6, number][] = [];
  const hosts = new Set<string>();
  for (const entry of entries.map((each) => each.trim().toLowerCase()).filter(Boolean)) {
    const address = readAddress(entry);
    if (ipaddr.isValidCIDR(entry)) blocks.push(ipaddr.parseCIDR(entry));
    else if (address) blocks.push([address, address.kind() === "ipv4" ? 32 : 128]);
    else if (/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(entry)) hosts.add(entry);
    else throw new RangeError(`'${entry}' is neither an address, a block such as 10.0.0.0/8, nor a host name`);
  }
  return { blocks, hosts };
}

/** True if connecting to this address is allowed: it is public, or in one of the allowed blocks. */
export function isAllowedAddress(literal: string, { blocks }: AllowList): boolean {
  if (isPublicAddress(literal)) return true;
  const address = readAddress(literal);
  return (
    address !== undefined &&
    blocks.some(([start, bits]) => address.kind() === start.kind() && address.match(start as never, bits))
  );
}

/** The address, with an IPv4 address unwrapped from its mapped IPv6 form; undefined if the text is not an address. */
function readAddress(literal: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = literal.replace(/^\[|\]$/g, "");
  return isIP(bare) ? ipaddr.process(bare) : undefined; // ipaddr.js alone would read "1.2.3" as 1.2.0.3
}

/** `::a.b.c.d`, deprecated in 2006. Some stacks still route it to a.b.c.d. */
const isV4Compatible = (address: ipaddr.IPv6): boolean => address.parts.slice(0, 6).every((part) => part === 0);

import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** A block of addresses, or a host name that may resolve to anything. */
export interface AllowList {
  readonly blocks: readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];
  readonly hosts: ReadonlySet<string>;
}

/**
 * Whether an address literal belongs to the public internet. All else is refused: private, loopback, link-local (cloud
 * metadata), carrier-grade NAT, multicast, documentation, and the v6 forms that wrap a v4 address or tunnel to one.
 */
export function isPublicAddress(literal: string): boolean {
  const address = readAddress(literal);
  if (!address) return false;
  if (address instanceof ipaddr.IPv6 && isV4Compatible(address)) return false;
  return address.range() === "unicast";
}

/** Reads entries such as `10.0.0.0/8`, `::1` and `minio.internal`; throws a RangeError that names a malformed one. */
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

/** Whether connecting to this address is permitted: public, or in one of the allowed blocks. */
export function isAllowedAddress(literal: string, { blocks }: AllowList): boolean {
  if (isPublicAddress(literal)) return true;
  const address = readAddress(literal);
  return (
    address !== undefined &&
    blocks.some(([start, bits]) => address.kind() === start.kind() && address.match(start as never, bits))
  );
}

/** The address with a v4 address unwrapped from its mapped v6 form; undefined for what is no address. */
function readAddress(literal: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = literal.replace(/^\[|\]$/g, "");
  return isIP(bare) ? ipaddr.process(bare) : undefined; // ipaddr.js alone would take "1.2.3" for 1.2.0.3
}

/** `::a.b.c.d`, given up in 2006 but still routed by some stacks to a.b.c.d. */
const isV4Compatible = (address: ipaddr.IPv6): boolean => address.parts.slice(0, 6).every((part) => part === 0);

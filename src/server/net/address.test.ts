import { describe, expect, test } from "vitest";
import { isAllowedAddress, isPublicAddress, readAllowList } from "./address.ts";

const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "93.184.216.34",
  "172.15.255.255",
  "172.32.0.1",
  "192.167.1.1",
  "100.63.255.255",
  "100.128.0.1",
  "2606:4700:4700::1111",
  "2a00:1450:4001:81b::200e",
  "[2606:4700::1]",
  "::ffff:8.8.8.8",
];

const REFUSED: Record<string, readonly string[]> = {
  loopback: ["127.0.0.1", "127.255.255.254", "::1", "[::1]"],
  unspecified: ["0.0.0.0", "0.1.2.3", "::"],
  private: ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fd12:3456::1"],
  "link-local and cloud metadata": ["169.254.0.1", "169.254.169.254", "fe80::1", "fd00:ec2::254"],
  "carrier-grade NAT": ["100.64.0.1", "100.100.100.200", "100.127.255.255"],
  "documentation and benchmarks": [
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "2001:db8::1",
  ],
  "multicast, broadcast, reserved": [
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "192.0.0.1",
  ],
  "v4 inside v6": [
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "2002:7f00:1::",
    "2001:0:53aa:64c::1",
  ],
  "no address at all": [
    "",
    "localhost",
    "example.com",
    "127.0.0.1.evil.example",
    "1.2.3",
    "1.2.3.4.5",
    "fe80::1%eth0",
    "::ffff:1.2.3.4.5",
  ],
};

describe("isPublicAddress", () => {
  test.each(PUBLIC)("%s is public", (address) => expect(isPublicAddress(address)).toBe(true));
  for (const [kind, addresses] of Object.entries(REFUSED)) {
    test.each(addresses)(`${kind}: '%s' is refused`, (address) => expect(isPublicAddress(address)).toBe(false));
  }
});

describe("the allow list", () => {
  const list = readAllowList(["127.0.0.0/8", " 10.1.2.3 ", "fd00::/8", "MinIO.internal", ""]);
  test.each(["127.0.0.1", "127.9.9.9", "10.1.2.3", "fd00::7", "::ffff:127.0.0.1", "8.8.8.8"])(
    "%s is allowed",
    (address) => expect(isAllowedAddress(address, list)).toBe(true),
  );
  test.each(["10.1.2.4", "192.168.0.1", "fc00::1", "169.254.169.254"])("%s is still refused", (address) =>
    expect(isAllowedAddress(address, list)).toBe(false),
  );
  test("host names are separate, in lower case", () => expect([...list.hosts]).toEqual(["minio.internal"]));
  test.each(["10.0.0.0/33", "a b", "http://x", "-x"])("'%s' is malformed", (entry) =>
    expect(() => readAllowList([entry])).toThrow(entry),
  );
});

/**
 * XMP that exceeds one JPEG segment (64 KiB), stored as Adobe's "ExtendedXMP" (XMP specification part 3, 1.1.3.1). A short main packet
 * names the MD5 of the long packet, which follows in numbered segments.
 */

import { createHash } from "node:crypto";

/** Largest packet that libvips writes into one segment, in bytes (measured: it silently drops 60,001). */
export const mainPacketLimit = 60_000;

const mainSignature = "http://ns.adobe.com/xap/1.0/\0";
const extensionSignature = "http://ns.adobe.com/xmp/extension/\0";
const chunkBytes = 65_000;

/** Adds `packet`, of any length, to a JPEG file without XMP. */
export function addExtendedXmp(jpeg: Uint8Array, packet: string): Uint8Array {
  const full = Buffer.from(packet, "utf8");
  const guid = createHash("md5").update(full).digest("hex").toUpperCase();
  const segments = [segment(Buffer.from(mainSignature + mainPacket(guid), "utf8"))];
  for (let offset = 0; offset < full.length; offset += chunkBytes) {
    const position = Buffer.alloc(8);
    position.writeUInt32BE(full.length, 0);
    position.writeUInt32BE(offset, 4);
    const head = Buffer.from(extensionSignature + guid, "latin1");
    segments.push(segment(Buffer.concat([head, position, full.subarray(offset, offset + chunkBytes)])));
  }
  const at = endOfApplicationSegments(jpeg);
  return Buffer.concat([jpeg.subarray(0, at), ...segments, jpeg.subarray(at)]);
}

/** The long packet of a JPEG file; undefined when it has none, or parts are missing. */
export function readExtendedXmp(jpeg: Uint8Array): Uint8Array | undefined {
  const headBytes = extensionSignature.length + 32;
  let full: Buffer | undefined;
  let filled = 0;
  let guid = "";
  for (const { from, to } of applicationSegments(jpeg)) {
    const body = Buffer.from(jpeg.buffer, jpeg.byteOffset + from, to - from);
    if (!body.subarray(0, extensionSignature.length).equals(Buffer.from(extensionSignature, "latin1"))) continue;
    if (body.length < headBytes + 8) return undefined;
    const total = body.readUInt32BE(headBytes);
    const offset = body.readUInt32BE(headBytes + 4);
    const chunk = body.subarray(headBytes + 8);
    if (total > jpeg.length || offset + chunk.length > total) return undefined;
    full ??= Buffer.alloc(total);
    guid ||= body.toString("latin1", extensionSignature.length, headBytes);
    if (full.length !== total) return undefined;
    chunk.copy(full, offset);
    filled += chunk.length;
  }
  const whole = full !== undefined && filled === full.length;
  return whole && createHash("md5").update(full!).digest("hex").toUpperCase() === guid ? full : undefined;
}

function mainPacket(guid: string): string {
  return (
    `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>` +
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
    `<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="${guid}"/>` +
    `</rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
  );
}

function segment(body: Buffer): Buffer {
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

function endOfApplicationSegments(jpeg: Uint8Array): number {
  let end = 2;
  for (const { to } of applicationSegments(jpeg)) end = to;
  return end;
}

/** Bodies of the APP0…APP15 segments after the start-of-image marker. */
function* applicationSegments(jpeg: Uint8Array): Generator<{ from: number; to: number }> {
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff && (jpeg[at + 1]! & 0xf0) === 0xe0) {
    const to = at + 2 + ((jpeg[at + 2]! << 8) | jpeg[at + 3]!);
    if (to < at + 4 || to > jpeg.length) return;
    yield { from: at + 4, to };
    at = to;
  }
}

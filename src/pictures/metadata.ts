/** The parameters of an image as an XMP packet: the only kind of metadata that PNG, JPEG and WEBP all preserve exactly. */

import { ImageError } from "./errors.ts";

/** A JSON value. Integers above 2⁵³ are bigint and keep all digits. */
export type MetadataValue = string | number | bigint | boolean | null | readonly MetadataValue[] | MetadataObject;
/** A JSON object. */
export interface MetadataObject {
  readonly [key: string]: MetadataValue;
}

/** Metadata of an image. */
export interface PictureMetadata {
  /** Program and version, `inkstone 0.1.0`. */
  readonly software: string;
  /** The parameters in the API's words: positivePrompt, seed, steps, CFGScale, model … */
  readonly parameters: MetadataObject;
  /** Steps that a step cache skipped; absent without a cache. It describes this image and is no parameter of the next. */
  readonly skippedSteps?: number;
}

const namespace = "urn:inkstone:picture:1";

/**
 * Writes the metadata of an image as an XMP packet.
 * @throws ImageError `invalidMetadata` for a number that is not finite
 */
export function formatMetadata({ software, parameters, skippedSteps }: PictureMetadata): string {
  const prompt = parameters.positivePrompt;
  const description =
    typeof prompt === "string"
      ? `<dc:description><rdf:Alt><rdf:li xml:lang="x-default">${escapeXml(prompt)}</rdf:li></rdf:Alt></dc:description>`
      : "";
  const skipped =
    skippedSteps === undefined ? "" : `<inkstone:skippedSteps>${toJson(skippedSteps)}</inkstone:skippedSteps>`;
  return (
    `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>` +
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
    `<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
    ` xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:inkstone="${namespace}">` +
    `<xmp:CreatorTool>${escapeXml(software)}</xmp:CreatorTool>${description}` +
    `<inkstone:parameters>${escapeXml(toJson(parameters))}</inkstone:parameters>${skipped}` +
    `</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`
  );
}

/**
 * Reads a packet of `formatMetadata`; undefined when the packet has no parameters of Inkstone.
 * @throws ImageError `invalidMetadata` when they are damaged
 */
export function parseMetadata(packet: string): PictureMetadata | undefined {
  const json = element(packet, "inkstone:parameters");
  if (json === undefined) return undefined;
  try {
    const parameters = fromJson(json);
    if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) {
      throw new SyntaxError("not an object");
    }
    const skipped = element(packet, "inkstone:skippedSteps");
    return {
      software: element(packet, "xmp:CreatorTool") ?? "",
      parameters: parameters as MetadataObject,
      ...(skipped !== undefined && { skippedSteps: Number(skipped) }),
    };
  } catch (cause) {
    throw new ImageError("invalidMetadata", `the image's parameters are damaged (${(cause as Error).message})`, {
      cause,
    });
  }
}

function toJson(value: MetadataValue): string {
  const json = JSON.stringify(value, (key, v) => {
    if (typeof v === "bigint") return rawJson(v.toString());
    if (typeof v === "number" && !Number.isFinite(v)) {
      throw new ImageError("invalidMetadata", `the parameter ${key} is ${v}; allowed are finite numbers`);
    }
    return v;
  });
  return json.replace(unprintable, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function fromJson(json: string): unknown {
  // The third argument (ES2025 source text access) has the digits that a double loses.
  const revive = (_key: string, value: unknown, context?: { source?: string }) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    return context?.source && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
  };
  return JSON.parse(json, revive);
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Characters that XML 1.0 cannot contain. They become spaces. JSON text has none, see `toJson`. */
const unprintable = /[\p{Cc}\ufffe\uffff]/gu;

function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(unprintable, " ")
    .replace(/[&<>]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : "&gt;"));
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return entities[name] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

function element(packet: string, name: string): string | undefined {
  const found = packet.match(new RegExp(`<${name}>([^<]*)</${name}>`));
  return found?.[1] === undefined ? undefined : unescapeXml(found[1]);
}

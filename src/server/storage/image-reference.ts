import {
  type DecodedImage,
  type DecodeOptions,
  decodeImage,
  ImageError,
  type ImageHeader,
  readHeader,
} from "../../pictures/index.ts";
import { carriedBase64, invalidCode, isUuidV4, TaskError } from "../../protocol/index.ts";
import type { Outbound } from "../net/index.ts";
import { isFileName } from "./files.ts";
import type { ImageStore } from "./image-store.ts";
import { createSemaphore, type Semaphore } from "./semaphore.ts";

export interface ReferenceLimits {
  /** Most bytes of a download, and of decoded base64. Default: 64 MiB. */
  readonly maxBytes?: number;
  /** Most pixels of an image, checked before it is decoded. */
  readonly maxPixels?: number;
  /** Timeout of a download. Default: 30 s. */
  readonly timeoutMs?: number;
  /** Most parallel downloads, because each is held in memory. Further ones wait. Default: 4. */
  readonly maxDownloads?: number;
  /** Most parallel downloads of one owner. Default: all. */
  readonly maxDownloadsOfOwner?: number;
  /** The public address of the bucket, without a slash at the end. */
  readonly imageUrl?: string | undefined;
}

/** The bytes of a referenced image. Its header has been checked. */
export interface ReferencedImage {
  readonly bytes: Uint8Array;
  readonly header: ImageHeader;
}

/** The pixels of a referenced image. */
export interface ReferencedPicture {
  readonly bytes: Uint8Array;
  /** The UUID of an image that the owner has stored here, whether the reference was its UUID or its address. */
  readonly imageUUID?: string;
  readonly picture: DecodedImage;
}

/**
 * Resolves image references of tasks: UUID, URL, data URI or base64, tried in this order. URLs of this server's images
 * are read from the store.
 */
export interface ImageReferences {
  /**
   * @throws TaskError with `parameter` if the image is unknown, unreachable or too large, or if its header is damaged
   */
  load(owner: string, reference: string, parameter: string, signal?: AbortSignal): Promise<ReferencedImage>;
  /** @throws TaskError with `parameter` if the bytes are not an image, too large, or have a damaged header */
  check(bytes: Uint8Array, parameter: string): Promise<ImageHeader>;
  /** @throws TaskError with `parameter` if the image is unknown, unreachable, too large or damaged */
  loadPicture(owner: string, reference: string, parameter: string, signal?: AbortSignal): Promise<ReferencedPicture>;
}

type Found = Pick<ReferencedPicture, "bytes" | "imageUUID">;

/** Creates image references over the stored images and the guarded client. */
export function createImageReferences(
  images: ImageStore,
  outbound: Outbound,
  limits: ReferenceLimits = {},
): ImageReferences {
  const {
    maxBytes = 64 * 2 ** 20,
    timeoutMs = 30_000,
    maxDownloads = 4,
    maxDownloadsOfOwner = maxDownloads,
    imageUrl,
  } = limits;
  const limited = createSemaphore(maxDownloads);
  const ofOwners = new Map<string, Semaphore>();
  /** Each owner has a semaphore, so that no owner takes all places. */
  const inTurn = <T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const own = ofOwners.get(owner) ?? createSemaphore(maxDownloadsOfOwner);
    ofOwners.set(owner, own);
    return own(() => limited(work, signal), signal);
  };
  const decoding: DecodeOptions = limits.maxPixels === undefined ? {} : { maxPixels: limits.maxPixels };

  async function find(owner: string, reference: string, parameter: string, signal?: AbortSignal): Promise<Found> {
    if (isUuidV4(reference)) {
      const imageUUID = reference.toLowerCase();
      const image = await images.readOwned(owner, imageUUID);
      if (!image) throw invalid(parameter, "it is not an image of this key, or it has been deleted", reference);
      return { bytes: image.bytes, imageUUID };
    }
    if (/^https?:\/\//i.test(reference)) {
      const own = ownFileName(reference, imageUrl);
      const found = own && (await stored(owner, own));
      return found || { bytes: await download(owner, reference, parameter, own !== undefined, signal) };
    }
    return { bytes: fromBase64(reference, parameter) };
  }

  /**
   * An image by its file name, without a check of the owner, as in `GET /images/…`. Extends the life of the owner's
   * uploads.
   */
  async function stored(owner: string, fileName: string): Promise<Found | undefined> {
    const imageUUID = fileName.slice(0, 36);
    const owned = await images.readOwned(owner, imageUUID);
    if (owned) return { bytes: owned.bytes, imageUUID };
    const image = await images.read(fileName);
    return image && { bytes: image.bytes };
  }

  async function download(
    owner: string,
    url: string,
    parameter: string,
    looksOwn: boolean,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const hint = looksOwn
      ? " No image of that name is stored here: it has been deleted, or belongs to another server."
      : "";
    const refuse = (reason: string, cause?: unknown) =>
      new TaskError("downloadFailed", { parameter, reason: reason + hint }, { parameter }, { cause });
    try {
      const pieces: Uint8Array[] = [];
      const request = { url, timeoutMs, maxBytes, ...(signal && { signal }) };
      await inTurn(owner, () => outbound.download(request, async (piece) => void pieces.push(piece)), signal);
      return Buffer.concat(pieces);
    } catch (error) {
      if (error instanceof TaskError || signal?.aborted) throw error;
      throw refuse((error as Error).message, error);
    }
  }

  function fromBase64(text: string, parameter: string): Uint8Array {
    const payload = carriedBase64(text);
    if (payload === undefined) throw invalid(parameter, "it must be a UUID, a URL, a data URI or base64", text);
    if (payload.length * 0.75 > maxBytes) throw invalid(parameter, `it is larger than ${maxBytes} bytes`, "base64");
    return Buffer.from(payload, "base64");
  }

  async function check(bytes: Uint8Array, parameter: string): Promise<ImageHeader> {
    if (bytes.length > maxBytes) throw invalid(parameter, `it is larger than ${maxBytes} bytes`, "a file");
    return named(parameter, readHeader(bytes, decoding));
  }

  return {
    check,
    async load(owner, reference, parameter, signal) {
      const { bytes } = await find(owner, reference, parameter, signal);
      return { bytes, header: await check(bytes, parameter) };
    },
    async loadPicture(owner, reference, parameter, signal) {
      const found = await find(owner, reference, parameter, signal);
      return { ...found, picture: await named(parameter, decodeImage(found.bytes, decoding)) };
    },
  };
}

/** Converts a problem of an image to an error of its parameter. */
async function named<T>(parameter: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ImageError) throw invalid(parameter, error.message, "a file", error);
    throw error;
  }
}

function invalid(parameter: string, reason: string, given: string, cause?: unknown): TaskError {
  const rule = `${reason[0]!.toUpperCase()}${reason.slice(1)}.`;
  const shown = given.length > 60 ? `${given.slice(0, 60)}…` : given;
  return new TaskError(
    invalidCode(parameter),
    { parameter, rule, given: shown },
    { parameter, type: "string" },
    { cause },
  );
}

/**
 * The file name in an address that this server may have issued. These are `…/images/NAME` under any host, addresses below
 * `imageUrl`, and presigned addresses of the bucket. Undefined for other addresses. The store decides whether the image
 * exists.
 */
function ownFileName(address: string, imageUrl?: string): string | undefined {
  const { pathname, searchParams } = new URL(address);
  const end = pathname.lastIndexOf("/");
  const name = pathname.slice(end + 1);
  // With `side`, it is the address of a thumbnail.
  if (!isFileName(name) || searchParams.has("side")) return undefined;
  const served = pathname.slice(0, end).endsWith("/images");
  const published = imageUrl !== undefined && address.startsWith(`${imageUrl}/`);
  return served || published || searchParams.has("X-Amz-Signature") ? name : undefined;
}

import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";

/** Where an S3 bucket is, as `s3://bucket/prefix` and the settings beside it say. */
export interface BucketLocation {
  readonly bucket: string;
  /** Key prefix without slashes at its ends; empty for none. */
  readonly prefix: string;
  /** Of a server other than Amazon's. */
  readonly endpoint?: string;
  /** Default: the SDK's own (`AWS_REGION`, profiles), else `us-east-1`. */
  readonly region?: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true where an endpoint is given. */
  readonly pathStyle?: boolean;
}

/** The operator's settings of a bucket, by the names they have in the configuration. */
export interface BucketSettings {
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly s3PathStyle: "auto" | "true" | "false";
}

/** Where `s3://bucket/prefix` is. */
export function bucketLocation(place: string, settings: BucketSettings): BucketLocation {
  const { hostname: bucket, pathname } = new URL(place);
  return {
    bucket,
    prefix: pathname.replace(/^\/+|\/+$/g, ""),
    endpoint: settings.s3Endpoint,
    region: settings.s3Region,
    pathStyle: settings.s3PathStyle === "auto" ? undefined : settings.s3PathStyle === "true",
  };
}

/** The bucket is full, not permitted, failing or unreachable: not the object's fault, and it may be over later. */
export class BucketUnavailableError extends Error {
  override readonly name = "BucketUnavailableError";
}

export interface ListedObject {
  readonly key: string;
  /** In bytes. */
  readonly length: number;
  readonly changedAt: Date;
}

/** An object to be read piece by piece. */
export interface OpenObject {
  readonly length: number;
  readonly stream: Readable;
}

/** Objects under the prefix of a location; keys are relative to it. Everything rejects with `BucketUnavailableError`. */
export interface Bucket {
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** A file of any length, in parts; about 32 MB of it are in memory. */
  putFile(key: string, path: string, onProgress?: (done: number) => void): Promise<void>;
  /** Undefined when there is no such object. */
  get(key: string): Promise<Uint8Array | undefined>;
  open(key: string): Promise<OpenObject | undefined>;
  delete(key: string): Promise<void>;
  /** All objects whose keys begin so. */
  list(beginning?: string): AsyncIterable<ListedObject>;
  /** An address that serves the object to anyone who has it, for `seconds` (7 days at most). */
  presigned(key: string, seconds: number): Promise<string>;
}

/** Milliseconds to connect, and to wait for the next bytes of an answer. A request is tried three times. */
const CONNECT_MS = 3_000;
const ANSWER_MS = 30_000;

/** Bytes of a part of a large object, and parts on their way at once. S3 takes 10,000 parts: 80 GB. */
const PART_BYTES = 8 * 2 ** 20;
const PARTS_AT_ONCE = 4;

/**
 * Opens a bucket. The SDK is loaded here: programs that use folders need none of it. Credentials come from its own chain
 * (environment, profile, container, instance). Objects are checked by CRC-32 on the way in and out.
 *
 * @throws BucketUnavailableError when it does not exist, is not reachable or not permitted
 */
export async function openBucket(location: BucketLocation): Promise<Bucket> {
  const s3 = await import("@aws-sdk/client-s3");
  const { bucket: Bucket, prefix } = location;
  const client = new s3.S3Client(clientConfig(location));
  const inside = prefix === "" ? "" : `${prefix}/`;
  const at = (key: string) => ({ Bucket, Key: inside + key });
  const read = (key: string) => client.send(new s3.GetObjectCommand(at(key)));
  await available(client.send(new s3.HeadBucketCommand({ Bucket })), `use the bucket ${Bucket}`);

  return {
    async put(key, bytes) {
      const object = { ...at(key), Body: bytes, ContentLength: bytes.byteLength };
      await available(client.send(new s3.PutObjectCommand(object)), `store ${key}`);
    },
    async putFile(key, path, onProgress = () => {}) {
      const { Upload } = await import("@aws-sdk/lib-storage");
      const params = { ...at(key), Body: createReadStream(path, { highWaterMark: 2 ** 20 }) };
      const upload = new Upload({ client, params, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE });
      upload.on("httpUploadProgress", ({ loaded = 0 }) => onProgress(loaded));
      await available(upload.done(), `store ${key}`);
    },
    get: (key) =>
      available(
        read(key)
          .then(({ Body }) => Body?.transformToByteArray())
          .catch(absent),
        `read ${key}`,
      ),
    open: (key) =>
      available(
        read(key)
          .then(({ Body, ContentLength = 0 }) => ({ length: ContentLength, stream: Body as Readable }))
          .catch(absent),
        `read ${key}`,
      ),
    async delete(key) {
      await available(client.send(new s3.DeleteObjectCommand(at(key))), `delete ${key}`);
    },
    async *list(beginning = "") {
      const Prefix = inside + beginning;
      for (let token: string | undefined, more = true; more; more = token !== undefined) {
        const page = new s3.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken: token });
        const { Contents = [], NextContinuationToken } = await available(
          client.send(page),
          `list the bucket ${Bucket}`,
        );
        for (const { Key = "", Size: length = 0, LastModified: changedAt = new Date(0) } of Contents)
          yield { key: Key.slice(inside.length), length, changedAt };
        token = NextContinuationToken;
      }
    },
    async presigned(key, seconds) {
      const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
      const expiresIn = Math.min(seconds, 7 * 24 * 3600);
      return getSignedUrl(client as S3Client, new s3.GetObjectCommand(at(key)), { expiresIn });
    },
  };
}

function clientConfig({ endpoint, region, pathStyle }: BucketLocation): S3ClientConfig {
  return {
    endpoint,
    region: region ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || "us-east-1"),
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  };
}

/** An object that is not there reads as undefined. */
function absent(error: Error): undefined {
  if (error.name === "NoSuchKey" || error.name === "NotFound") return undefined;
  throw error;
}

async function available<T>(answer: Promise<T>, action: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const { name, message } = error as Error;
    throw new BucketUnavailableError(`cannot ${action}: ${name}${message ? `: ${message}` : ""}`, { cause: error });
  }
}

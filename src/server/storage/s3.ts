import type { Readable } from "node:stream";
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { type FileStore, isFileName, StorageUnavailableError } from "./files.ts";

/** Where an S3 bucket is, as `INKSTONE_STORAGE=s3://bucket/prefix` and the settings beside it say. */
export interface S3Location {
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

/** Milliseconds to connect, and to wait for the next bytes of an answer. A request is tried three times. */
const CONNECT_MS = 3_000;
const ANSWER_MS = 30_000;

/**
 * Opens a bucket. The SDK is loaded here: servers with a folder of files need none of it. Credentials come from its own chain
 * (environment, profile, container, instance). Objects are checked by CRC-32 on the way in and out.
 *
 * @throws StorageUnavailableError when the bucket cannot be listed: it does not exist, is not reachable or not permitted
 */
export async function openS3(location: S3Location): Promise<Required<FileStore>> {
  const s3 = await import("@aws-sdk/client-s3");
  const { S3Client, GetObjectCommand, PutObjectCommand, DeleteObjectCommand, HeadBucketCommand } = s3;
  const { bucket: Bucket, prefix } = location;
  const client = new S3Client(clientConfig(location));
  const keyOf = (name: string): string => {
    if (!isFileName(name)) throw new RangeError(`${JSON.stringify(name)} is no name of a file`);
    return prefix === "" ? name : `${prefix}/${name}`;
  };
  await available(client.send(new HeadBucketCommand({ Bucket })), `use the bucket ${Bucket}`);

  return {
    async put(name, bytes) {
      const object = { Bucket, Key: keyOf(name), Body: bytes, ContentLength: bytes.byteLength };
      await available(client.send(new PutObjectCommand(object)), `store ${name}`);
    },
    async get(name) {
      if (!isFileName(name)) return undefined;
      const reading = client.send(new GetObjectCommand({ Bucket, Key: keyOf(name) }));
      return available(reading.then(({ Body }) => Body?.transformToByteArray()).catch(absent), `read ${name}`);
    },
    async open(name) {
      if (!isFileName(name)) return undefined;
      const reading = client.send(new GetObjectCommand({ Bucket, Key: keyOf(name) }));
      const opened = reading.then(({ Body, ContentLength = 0 }) => ({
        length: ContentLength,
        stream: Body as Readable,
      }));
      return available(opened.catch(absent), `read ${name}`);
    },
    async delete(name) {
      await available(client.send(new DeleteObjectCommand({ Bucket, Key: keyOf(name) })), `delete ${name}`);
    },
    async *list() {
      const Prefix = prefix === "" ? undefined : `${prefix}/`;
      for (let token: string | undefined, more = true; more; more = token !== undefined) {
        const page = new s3.ListObjectsV2Command({ Bucket, Prefix, ContinuationToken: token });
        const { Contents = [], NextContinuationToken } = await available(
          client.send(page),
          `list the bucket ${Bucket}`,
        );
        for (const { Key = "", Size: length = 0, LastModified: changedAt = new Date(0) } of Contents) {
          const name = Key.slice(Prefix?.length ?? 0);
          if (isFileName(name)) yield { name, length, changedAt };
        }
        token = NextContinuationToken;
      }
    },
    async presigned(name, seconds) {
      const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
      return getSignedUrl(client as S3Client, new GetObjectCommand({ Bucket, Key: keyOf(name) }), {
        expiresIn: Math.min(seconds, 7 * 24 * 3600),
      });
    },
  };
}

function clientConfig({ endpoint, region, pathStyle }: S3Location): S3ClientConfig {
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
    throw new StorageUnavailableError(`cannot ${action}: ${name}${message ? `: ${message}` : ""}`, { cause: error });
  }
}

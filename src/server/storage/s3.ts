import { type BucketLocation, BucketUnavailableError, openBucket } from "../../buckets/index.ts";
import { type FileStore, isFileName, StorageUnavailableError } from "./files.ts";

/**
 * Files as objects in a bucket.
 * @throws StorageUnavailableError if the bucket does not exist, is unreachable or not permitted
 */
export async function openS3(location: BucketLocation): Promise<Required<FileStore>> {
  const bucket = await available(openBucket(location));
  const keyOf = (name: string): string => {
    if (!isFileName(name)) throw new RangeError(`${JSON.stringify(name)} is not the name of a stored file`);
    return name;
  };
  return {
    put: async (name, bytes) => available(bucket.put(keyOf(name), bytes)),
    get: async (name) => (isFileName(name) ? available(bucket.get(name)) : undefined),
    open: async (name) => (isFileName(name) ? available(bucket.open(name)) : undefined),
    delete: async (name) => available(bucket.delete(keyOf(name))),
    async *list() {
      try {
        for await (const { key: name, ...facts } of bucket.list()) if (isFileName(name)) yield { name, ...facts };
      } catch (error) {
        throw asStorageError(error);
      }
    },
    presigned: async (name, seconds) => bucket.presigned(keyOf(name), seconds),
  };
}

async function available<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error) => {
    throw asStorageError(error);
  });
}

const asStorageError = (error: unknown): unknown =>
  error instanceof BucketUnavailableError ? new StorageUnavailableError(error.message, { cause: error }) : error;

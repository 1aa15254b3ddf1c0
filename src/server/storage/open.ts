import { join } from "node:path";
import { type BucketSettings, bucketLocation } from "../../buckets/index.ts";
import { openDisk } from "./disk.ts";
import type { FileStore } from "./files.ts";
import { openS3 } from "./s3.ts";

/** The operator's settings of the storage, by their names in the configuration. */
export interface StorageSettings extends BucketSettings {
  readonly storage?: string;
}

/**
 * Opens the bucket of the settings, else the folder `images` of the data folder.
 * @throws StorageUnavailableError if the bucket cannot be used
 */
export function openStorage(settings: StorageSettings, dataDir: string): Promise<FileStore> {
  return openStorageAt(settings.storage ?? join(dataDir, "images"), settings);
}

/**
 * Opens `s3://bucket/prefix` or a folder.
 * @throws StorageUnavailableError if the bucket cannot be used
 */
export async function openStorageAt(place: string, settings: StorageSettings): Promise<FileStore> {
  return place.startsWith("s3://") ? openS3(bucketLocation(place, settings)) : openDisk(place);
}

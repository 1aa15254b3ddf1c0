import { join } from "node:path";
import { openDisk } from "./disk.ts";
import type { FileStore } from "./files.ts";
import { openS3 } from "./s3.ts";

/** The operator's settings of the storage, by the names they have in the configuration. */
export interface StorageSettings {
  readonly storage?: string;
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
  readonly s3PathStyle: "auto" | "true" | "false";
}

/**
 * Opens the bucket that the settings name, else the folder `images` of the data folder.
 * @throws StorageUnavailableError when the bucket cannot be used
 */
export function openStorage(settings: StorageSettings, dataDir: string): Promise<FileStore> {
  return openStorageAt(settings.storage ?? join(dataDir, "images"), settings);
}

/**
 * Opens `s3://bucket/prefix` or a folder.
 * @throws StorageUnavailableError when the bucket cannot be used
 */
export async function openStorageAt(place: string, settings: StorageSettings): Promise<FileStore> {
  if (!place.startsWith("s3://")) return openDisk(place);
  const { hostname: bucket, pathname } = new URL(place);
  return openS3({
    bucket,
    prefix: pathname.replace(/^\/+|\/+$/g, ""),
    endpoint: settings.s3Endpoint,
    region: settings.s3Region,
    pathStyle: settings.s3PathStyle === "auto" ? undefined : settings.s3PathStyle === "true",
  });
}

import { randomUUID } from "node:crypto";
import { contentTypeOf, extensionOf, type ImageHeader } from "../../pictures/index.ts";
import type { Database } from "../database/index.ts";
import type { FileStore, OpenFile } from "./files.ts";
import { thumbnailNames } from "./thumbnails.ts";

/** An image that can be downloaded or used as an input. */
export interface StoredImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Whole seconds until the image expires. */
  readonly secondsLeft: number;
}

/** The facts about an image that its file contains. */
export type ImageFacts = Pick<ImageHeader, "format" | "width" | "height">;

/** Results and uploads: bytes in a file store, facts in the database. */
export interface ImageStore {
  /**
   * The bytes of an image by its file name, without a check of the owner; undefined if it does not exist or has
   * expired.
   */
  read(fileName: string): Promise<StoredImage | undefined>;
  /** The file name of an image by its UUID, without a check of the owner. */
  locate(imageUUID: string): Promise<{ readonly fileName: string; readonly secondsLeft: number } | undefined>;
  /** The same as a stream, for slow readers. */
  open(fileName: string): Promise<(Omit<StoredImage, "bytes"> & OpenFile) | undefined>;
  /** The bytes of an owner's image by its UUID: an upload or an earlier result. Extends the life of an upload. */
  readOwned(owner: string, imageUUID: string): Promise<StoredImage | undefined>;
  /**
   * The address of an image outside this server; undefined if it does not exist, has expired, or the store does not
   * issue addresses.
   */
  addressOf(fileName: string): Promise<string | undefined>;
  /** Stores an uploaded image. If the owner already has the imageUUID, its retention is extended. */
  addUpload(owner: string, bytes: Uint8Array, facts: ImageFacts, options?: UploadOptions): Promise<KeptImage>;
  /** Expires an owner's image; false if it does not exist. */
  remove(owner: string, imageUUID: string): Promise<boolean>;
  /** Deletes expired files and returns their number. */
  sweep(): Promise<number>;
}

export interface UploadOptions {
  /** Default: a random UUID. */
  readonly imageUUID?: string;
  /** Retention after the last use. Default: 30 days. */
  readonly keepSeconds?: number;
}

export interface KeptImage {
  readonly imageUUID: string;
  readonly fileName: string;
}

/** Seconds to keep uploads after their last use. */
const UPLOAD_SECONDS = 30 * 24 * 3600;

/** Longest validity of a presigned address in seconds. */
const ADDRESS_SECONDS = 900;

/** A condition on an image `i`: no unfinished task names it. Used for expired images only. */
const NOT_NEEDED = `not exists (
  select 1 from tasks t
  where t.owner = i.owner and i.task_id is null and t.state in ('queued', 'running') and position(i.image_uuid in t.task) > 0)`;

const FILE_ROW = "file_name, content_type, floor(extract(epoch from delete_at - now()))::float8 as seconds_left";

/** Images over a file store, indexed by the table `images`. */
export function createImageStore(db: Database, files: FileStore): ImageStore {
  async function bytesOf(row: FileRow | undefined): Promise<StoredImage | undefined> {
    const bytes = row && (await files.get(row.file_name));
    return bytes && { bytes, contentType: row.content_type, secondsLeft: row.seconds_left };
  }

  async function rowOf(fileName: string): Promise<FileRow | undefined> {
    const [row] = await db.query<FileRow>(
      `select ${FILE_ROW} from images
       where image_uuid = $1 and file_name = $2 and deleted_at is null and delete_at > now()`,
      [fileName.slice(0, 36), fileName],
    );
    return row;
  }

  return {
    read: async (fileName) => bytesOf(await rowOf(fileName)),
    async open(fileName) {
      const row = await rowOf(fileName);
      const file = row && (await files.open(row.file_name));
      return file && { ...file, contentType: row.content_type, secondsLeft: row.seconds_left };
    },
    async addressOf(fileName) {
      const row = files.presigned && (await rowOf(fileName));
      return row && files.presigned?.(row.file_name, Math.max(1, Math.min(ADDRESS_SECONDS, row.seconds_left)));
    },
    async locate(imageUUID) {
      const [row] = await db.query<FileRow>(
        `select ${FILE_ROW} from images where image_uuid = $1 and deleted_at is null and delete_at > now()`,
        [imageUUID],
      );
      return row && { fileName: row.file_name, secondsLeft: row.seconds_left };
    },
    async readOwned(owner, imageUUID) {
      const [row] = await db.query<FileRow>(
        `update images
         set delete_at = case when task_id is null and index is null
                              then greatest(delete_at, now() + make_interval(secs => coalesce(keep_seconds, $3::int)))
                              else delete_at end
         where image_uuid = $2 and owner = $1 and deleted_at is null and delete_at > now()
         returning ${FILE_ROW}`,
        [owner, imageUUID.toLowerCase(), UPLOAD_SECONDS],
      );
      return bytesOf(row);
    },
    async addUpload(owner, bytes, { format, width, height }, options = {}) {
      const { imageUUID = randomUUID(), keepSeconds = UPLOAD_SECONDS } = options;
      const fileName = `${imageUUID}.${extensionOf(format)}`;
      const kept = await db.query(
        `update images set delete_at = greatest(delete_at, now() + make_interval(secs => $3::int)),
                           keep_seconds = greatest(keep_seconds, $3::int)
         where image_uuid = $2 and owner = $1 and deleted_at is null returning image_uuid`,
        [owner, imageUUID, keepSeconds],
      );
      if (kept.length > 0) return { imageUUID, fileName };
      await files.put(fileName, bytes);
      await db.query(
        `insert into images (image_uuid, owner, output_format, file_name, content_type, width, height, byte_length,
                             keep_seconds, delete_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9::int, now() + make_interval(secs => $9::int))
         on conflict (image_uuid) do update set deleted_at = null, delete_at = excluded.delete_at`,
        [imageUUID, owner, format, fileName, contentTypeOf(format), width, height, bytes.length, keepSeconds],
      );
      return { imageUUID, fileName };
    },
    async remove(owner, imageUUID) {
      const ended = await db.query(
        `update images set delete_at = now() - interval '1 second'
         where image_uuid = $2 and owner = $1 and deleted_at is null and delete_at > now() returning image_uuid`,
        [owner, imageUUID],
      );
      return ended.length > 0;
    },
    async sweep() {
      const over = await db.query<{ image_uuid: string }>(
        `select image_uuid from images i where deleted_at is null and delete_at <= now() and ${NOT_NEEDED} limit 500`,
      );
      for (const { image_uuid } of over) {
        // Locked until the file is deleted: an upload of the same image at this moment is stored after that.
        await db.transaction(async (tx) => {
          const [row] = await tx.query<{ file_name: string }>(
            `update images set deleted_at = now() where image_uuid = (
               select image_uuid from images where image_uuid = $1 and deleted_at is null and delete_at <= now()
               for update skip locked
             ) returning file_name`,
            [image_uuid],
          );
          for (const name of row ? [row.file_name, ...thumbnailNames(image_uuid)] : []) await files.delete(name);
        });
      }
      // While the task exists, the row documents its result. After that the row is useless.
      await db.query(
        `delete from images where image_uuid in (
           select image_uuid from images where deleted_at is not null and task_id is null limit 5000 for update skip locked)`,
      );
      return over.length;
    },
  };
}

interface FileRow {
  file_name: string;
  content_type: string;
  seconds_left: number;
}

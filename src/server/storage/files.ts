import type { Readable } from "node:stream";

/** A file as a stream. */
export interface OpenFile {
  readonly length: number;
  readonly stream: Readable;
}

/** A file in a store. */
export interface ListedFile {
  readonly name: string;
  /** In bytes. */
  readonly length: number;
  readonly changedAt: Date;
}

/** Files by name. This program makes the names (`<imageUUID>.<ext>`), never a client. */
export interface FileStore {
  /**
   * Stores a file durably. After this resolves, the file survives a power cut. Before that, no reader sees a part of
   * it.
   */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** The bytes, or undefined if the file does not exist. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** The file as a stream, or undefined if it does not exist. */
  open(name: string): Promise<OpenFile | undefined>;
  delete(name: string): Promise<void>;
  /** All files, in any order. Files that are stored or deleted during the iteration may be included or not. */
  list(): AsyncIterable<ListedFile>;
  /** An address that serves the file to anyone for `seconds`. Absent if the store does not support it. */
  presigned?(name: string, seconds: number): Promise<string>;
}

/** The disk or bucket is full, read-only, failing or unreachable. The same call may succeed later. */
export class StorageUnavailableError extends Error {
  override readonly name = "StorageUnavailableError";
}

const NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(jpg|png|webp|avif|gif|tiff|svg)$/;

/** True if a text is the name of a file that this program stores. */
export const isFileName = (name: string): boolean => NAME.test(name);

import type { Readable } from "node:stream";

/** A file to be read piece by piece. */
export interface OpenFile {
  readonly length: number;
  readonly stream: Readable;
}

/** A file that a store holds. */
export interface ListedFile {
  readonly name: string;
  /** In bytes. */
  readonly length: number;
  readonly changedAt: Date;
}

/** Files by name. Names are made by this program (`<imageUUID>.<ext>`), never by a client. */
export interface FileStore {
  /** Stores durably: once this resolves the file survives a power cut, and before that nobody sees a part of it. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** The bytes, or undefined when there is no such file. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** The file as a stream, for what is only passed on; undefined when there is no such file. */
  open(name: string): Promise<OpenFile | undefined>;
  delete(name: string): Promise<void>;
  /** All files, in no order. Those that are stored or deleted meanwhile may be among them or not. */
  list(): AsyncIterable<ListedFile>;
  /** An address that serves the file to anyone who has it, for `seconds`; only where the store can give one. */
  presigned?(name: string, seconds: number): Promise<string>;
}

/** The disk or the bucket is full, read-only, failing or unreachable: not the file's fault, and it may be over later. */
export class StorageUnavailableError extends Error {
  override readonly name = "StorageUnavailableError";
}

const NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(jpg|png|webp|avif|gif|tiff|svg)$/;

/** Whether a text is the name of a file that this program stores. */
export const isFileName = (name: string): boolean => NAME.test(name);

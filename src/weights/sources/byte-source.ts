import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CheckpointError } from "../checkpoint-file.ts";

/** Bytes that are read where they are wanted: a file, or a piece of memory. */
export interface ByteSource {
  /** Where they are from, for messages. */
  readonly name: string;
  readonly size: number;
  /** A copy of `length` bytes from `offset`. @throws CheckpointError when they are not all there */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
  close(): void;
}

/**
 * A file, opened for reading. Reading is synchronous: thousands of small tensors are read in the time that a few asynchronous ones take.
 * @throws CheckpointError when it cannot be opened
 */
export function fileBytes(path: string): ByteSource {
  const file = attempt(path, () => openSync(path, "r"));
  const { size } = fstatSync(file);
  return {
    name: path,
    size,
    read(offset, length) {
      requireInside(path, size, offset, length);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const count = attempt(path, () => readSync(file, bytes, filled, length - filled, offset + filled));
        if (count === 0) throw new CheckpointError(`${path}: ended ${length - filled} bytes early`);
        filled += count;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}

/** Bytes in memory, under a name. */
export function memoryBytes(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      requireInside(name, bytes.length, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    close() {},
  };
}

function requireInside(name: string, size: number, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > size) {
    throw new CheckpointError(`${name}: ended early: bytes ${offset}…${offset + length} of ${size} are needed`);
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new CheckpointError(`${path} cannot be read: ${reason}`, { cause });
  }
}

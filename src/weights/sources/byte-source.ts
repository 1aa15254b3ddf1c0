import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CheckpointError } from "../checkpoint-file.ts";

/** Bytes with random access: a file, or a part of memory. */
export interface ByteSource {
  /** Name of the source, for messages. */
  readonly name: string;
  readonly size: number;
  /** A copy of `length` bytes from `offset`. @throws CheckpointError when some of them are missing */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
  close(): void;
}

/**
 * Opens a file for reading. Reading is synchronous: it reads thousands of small tensors in the time of a few asynchronous reads.
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

/** Bytes in memory, with a name. */
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
    throw new CheckpointError(
      `${name}: ended early: bytes ${offset}…${offset + length} are needed, but it has only ${size}`,
    );
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "the file does not exist" : code === "EISDIR" ? "it is a folder" : message;
    throw new CheckpointError(`${path} cannot be read: ${reason}`, { cause });
  }
}

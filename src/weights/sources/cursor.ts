import { CheckpointError } from "../checkpoint-file.ts";
import type { ByteSource } from "./byte-source.ts";

/** Reads the start of a file step by step, little-endian. */
export interface Cursor {
  position(): number;
  /** The next bytes. @throws CheckpointError when they are missing, or beyond the limit */
  take(length: number): DataView;
  skip(length: number): void;
  u32(): number;
  /** @throws CheckpointError above 2⁵³ - 1 */
  u64(): number;
  /** Text of `length` bytes. */
  text(length: number): string;
  /** A u64 length, then UTF-8 text of that many bytes. */
  string(longest?: number): string;
  /** An error with the name of the file and the position. */
  error(what: string): CheckpointError;
}

const WINDOW = 1 << 20;

/** @param limit bytes from the start that may be read */
export function byteCursor(bytes: ByteSource, limit: number): Cursor {
  let at = 0;
  let window = new Uint8Array(0);
  let start = 0;
  const end = Math.min(bytes.size, limit);
  const error = (what: string) => new CheckpointError(`${bytes.name}: at byte ${at}: ${what}`);
  const need = (length: number) => {
    if (length <= end - at) return;
    throw error(
      end < bytes.size ? `its header is longer than ${limit} bytes` : `ended early: ${length} more bytes are needed`,
    );
  };
  const cursor: Cursor = {
    position: () => at,
    take(length) {
      need(length);
      if (at < start || at + length > start + window.length) {
        start = at;
        window = bytes.read(at, Math.min(Math.max(length, WINDOW), end - at));
      }
      const view = new DataView(window.buffer, at - start, length);
      at += length;
      return view;
    },
    skip(length) {
      need(length);
      at += length;
    },
    u32: () => cursor.take(4).getUint32(0, true),
    u64() {
      const value = cursor.take(8).getBigUint64(0, true);
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw error(`${value} is too large for a size`);
      return Number(value);
    },
    text: (length) => new TextDecoder().decode(cursor.take(length)),
    string(longest = MAX_TEXT) {
      const length = cursor.u64();
      if (length > longest) throw error(`a text of ${length} bytes, more than ${longest}`);
      return cursor.text(length);
    },
    error,
  };
  return cursor;
}

/** Chat templates are the longest texts in real files. */
const MAX_TEXT = 1_000_000;

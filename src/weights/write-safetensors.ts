import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { CheckpointError } from "./checkpoint-file.ts";
import { bytesPerElement, type StoredType } from "./safetensors.ts";
import { elementsOf } from "./sources/tensor-source.ts";

/** A tensor to write into a file. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
}

/** Tensors that are computed together, such as a matrix and its scales. */
export interface WriteJob {
  readonly tensors: readonly TensorToWrite[];
  /** Passes the bytes of each tensor to `put` in order, in any number of pieces. */
  produce(put: (name: string, bytes: Uint8Array) => Promise<void>): Promise<void>;
}

/** Alignment of tensors whose size allows it: the load width of processors, and a requirement of external data. */
const ALIGNMENT = 64;

/**
 * Writes a safetensors file piece by piece, completely or not at all. It uses a temporary name, syncs the file to the disk, reads it back to
 * compare, then renames it. Tensors start at multiples of 64 bytes if their sizes are such multiples (the format allows no gaps).
 *
 * @param afterJob called after each job
 * @throws CheckpointError when the disk returns other bytes than were written
 * @throws the error of a job; no file remains then
 */
export async function writeSafetensorsFile<Job extends WriteJob>(
  path: string,
  jobs: readonly Job[],
  metadata: Readonly<Record<string, string>>,
  afterJob: (job: Job) => void | Promise<void> = () => {},
): Promise<void> {
  const { header, places } = layOut(jobs, metadata);
  const temporary = `${path}.part`;
  const file = await open(temporary, "w+");
  try {
    await writeAll(file, header, 0);
    for (const job of jobs) {
      await job.produce(async (name, bytes) => {
        const place = places.get(name)!;
        if (place.filled + bytes.length > place.length) throw new Error(`more bytes for "${name}" than its shape has`);
        await writeAll(file, bytes, place.offset + place.filled);
        place.filled += bytes.length;
        place.checksum = crc32(bytes, place.checksum);
      });
      for (const { name } of job.tensors) {
        const { filled, length } = places.get(name)!;
        if (filled !== length) throw new Error(`${filled} bytes for "${name}", its shape has ${length}`);
      }
      await afterJob(job);
    }
    await file.sync();
    for (const [name, place] of places) await compare(file, name, place, path);
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

interface Place {
  readonly offset: number;
  readonly length: number;
  filled: number;
  checksum: number;
}

function layOut(jobs: readonly WriteJob[], metadata: Readonly<Record<string, string>>) {
  const bytesOf = ({ dtype, shape }: TensorToWrite) => elementsOf(shape) * bytesPerElement(dtype);
  const tensors = jobs.flatMap((job) => job.tensors);
  const even = tensors.filter((tensor) => bytesOf(tensor) % ALIGNMENT === 0);
  // After them the widest types first, so that each tensor starts at a multiple of its element size.
  const odd = tensors.filter((tensor) => bytesOf(tensor) % ALIGNMENT !== 0);
  odd.sort((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const entries: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const starts = new Map<string, readonly [begin: number, end: number]>();
  let at = 0;
  for (const tensor of [...even, ...odd]) {
    const { name, dtype, shape } = tensor;
    const end = at + bytesOf(tensor);
    if (starts.has(name)) throw new Error(`two tensors "${name}"`);
    starts.set(name, [at, end]);
    entries[name] = { dtype, shape, data_offsets: [at, end] };
    at = end;
  }
  const json = Buffer.from(JSON.stringify(entries));
  const length = Math.ceil((8 + json.length) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(length, " ");
  header.writeBigUInt64LE(BigInt(length - 8));
  json.copy(header, 8);
  const places = new Map<string, Place>();
  for (const [name, [begin, end]] of starts) {
    places.set(name, { offset: length + begin, length: end - begin, filled: 0, checksum: 0 });
  }
  return { header, places };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30), position + done);
    done += bytesWritten;
  }
}

const PIECE = 1 << 24;

async function compare(
  file: FileHandle,
  name: string,
  { offset, length, checksum }: Place,
  path: string,
): Promise<void> {
  const piece = Buffer.alloc(Math.min(length, PIECE));
  let found = 0;
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, length - done), offset + done);
    if (bytesRead === 0) throw new CheckpointError(`${path}: the disk holds less of "${name}" than was written`);
    found = crc32(piece.subarray(0, bytesRead), found);
    done += bytesRead;
  }
  if (found !== checksum)
    throw new CheckpointError(`${path}: the disk gives back other bytes of "${name}" than were written`);
}

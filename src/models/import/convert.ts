import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import type { LoraMerge } from "../../engine/index.ts";
import type { Quantiser } from "../../onnx/index.ts";
import { elementsOf, type SourceTensor, storedFormsMetadata, writeSafetensorsFile } from "../../weights/index.ts";
import type { PartKind } from "./parts.ts";
import type { WeightMode } from "./pieces.ts";
import { type TensorJob, tensorJob } from "./tensor-jobs.ts";

/** Tensors to convert, all of one component. */
export interface Conversion {
  readonly kind: PartKind;
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** Name of their file, for messages. */
  readonly from: string;
  readonly mode: WeightMode;
  /** LoRAs to merge into the tensors. */
  readonly merge?: LoraMerge | undefined;
}

export interface ConversionHooks {
  readonly quantiser: Quantiser;
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of the source that are finished since the last call. `kept` is true if an earlier run finished them. */
  onProgress?(bytes: number, kept: boolean): void;
}

/** Largest part of the source in one converted file, in bytes. An interruption repeats at most this much work. */
const FILE_BYTES = 2e9;

/**
 * Converts tensors into safetensors files of a folder, one tensor at a time. Existing files are kept, so that an interrupted conversion
 * continues.
 *
 * @param stem of the file names; no other conversion in this folder may use it
 * @returns the file of each tensor
 * @throws CheckpointError naming a tensor with numbers that are not finite
 * @throws the signal's reason
 */
export async function convertTensors(
  conversion: Conversion,
  folder: string,
  stem: string,
  hooks: ConversionHooks,
): Promise<Record<string, string>> {
  await mkdir(folder, { recursive: true });
  const groups = intoFiles(conversion, hooks.quantiser);
  const holders: Record<string, string> = {};
  for (const [i, jobs] of groups.entries()) {
    const file = `${stem}-${String(i + 1).padStart(5, "0")}-of-${String(groups.length).padStart(5, "0")}.safetensors`;
    await writeOnce(join(folder, file), jobs, hooks);
    // The scales of a matrix are part of it: the index has only the names that a reader requests.
    for (const { form, tensors } of jobs)
      for (const name of form ? [form[0]] : tensors.map((tensor) => tensor.name)) holders[name] = file;
  }
  return holders;
}

/** Writes the index of a component's files. This completes the component. */
export async function writeIndex(
  folder: string,
  stem: string,
  holders: Readonly<Record<string, string>>,
): Promise<void> {
  const path = join(folder, `${stem}.safetensors.index.json`);
  await writeFile(`${path}.part`, `${JSON.stringify({ metadata: {}, weight_map: holders })}\n`);
  await rename(`${path}.part`, path);
}

function intoFiles({ kind, tensors, from, mode, merge }: Conversion, quantiser: Quantiser): TensorJob[][] {
  const groups: TensorJob[][] = [[]];
  let bytes = 0;
  for (const [name, tensor] of tensors) {
    const jobOf = (source: SourceTensor) => tensorJob(kind, name, source, mode, quantiser, from);
    const job = merge?.changed.has(name) ? mergedJob(name, tensor, merge, jobOf) : jobOf(tensor);
    if (bytes + job.bytes > FILE_BYTES && groups.at(-1)!.length > 0) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(job);
    bytes += job.bytes;
  }
  return groups;
}

/** A job on a tensor with merged LoRAs. Its values are computed when it runs, and released afterwards. */
function mergedJob(
  name: string,
  { shape, stored, byteLength, decode }: SourceTensor,
  merge: LoraMerge,
  jobOf: (tensor: SourceTensor) => TensorJob,
): TensorJob {
  let values: Float32Array = new Float32Array();
  const job = jobOf({ shape, stored, byteLength, decode: (start, count) => values.slice(start, start + count) });
  return {
    ...job,
    async produce(put) {
      values = await merge.apply(name, decode(0, elementsOf(shape)), shape);
      await job.produce(put);
      values = new Float32Array();
    },
  };
}

/** Writes a file unless it exists: an existing file is always complete. */
async function writeOnce(path: string, jobs: readonly TensorJob[], { signal, onProgress }: ConversionHooks) {
  if (existsSync(path)) {
    const bytes = jobs.reduce((sum, job) => sum + job.bytes, 0);
    return onProgress?.(bytes, true);
  }
  const forms = new Map(jobs.flatMap(({ form }) => (form ? [form] : [])));
  await writeSafetensorsFile(path, jobs, storedFormsMetadata(forms), async (job) => {
    onProgress?.(job.bytes, false);
    await breathe(); // lets signals arrive
    signal?.throwIfAborted();
  });
}

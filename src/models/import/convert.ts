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

/** Tensors to be converted, all of one component. */
export interface Conversion {
  readonly kind: PartKind;
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** The file they are from, for messages. */
  readonly from: string;
  readonly mode: WeightMode;
  /** LoRAs that become part of the tensors. */
  readonly merge?: LoraMerge | undefined;
}

export interface ConversionHooks {
  readonly quantiser: Quantiser;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the source that are done with, in addition to earlier ones. */
  onProgress?(bytes: number): void;
}

/** What a file of ours holds at most, in bytes of its source: so much is done again after an interruption. */
const FILE_BYTES = 2e9;

/**
 * Converts tensors into safetensors files of a folder, one tensor at a time. Files that are there already are kept: an interrupted
 * conversion goes on where it was.
 *
 * @param stem of the files' names, which must be no other conversion's in this folder
 * @returns by tensor, the file that holds it
 * @throws CheckpointError naming the tensor whose numbers are not finite
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
    // Scales belong to their matrix: the index names what a reader asks for.
    for (const { form, tensors } of jobs)
      for (const name of form ? [form[0]] : tensors.map((tensor) => tensor.name)) holders[name] = file;
  }
  return holders;
}

/** Writes the index of a component's files, which makes it complete. */
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

/** A job on the numbers that a tensor has with LoRAs in them; they are computed when it is its turn, and held no longer. */
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

/** Writes a file unless it is there: one that is there is whole. */
async function writeOnce(path: string, jobs: readonly TensorJob[], { signal, onProgress }: ConversionHooks) {
  if (existsSync(path)) return onProgress?.(jobs.reduce((sum, { bytes }) => sum + bytes, 0));
  const forms = new Map(jobs.flatMap(({ form }) => (form ? [form] : [])));
  await writeSafetensorsFile(path, jobs, storedFormsMetadata(forms), async (job) => {
    onProgress?.(job.bytes);
    await breathe(); // lets signals in
    signal?.throwIfAborted();
  });
}

import { contentTypeOf, encodeImage, extensionOf, type PictureMetadata, type RgbImage } from "../../pictures/index.ts";
import { type PictureTask, resultsOf } from "../../protocol/index.ts";
import type { FileStore } from "../storage/index.ts";
import { type Claim, imageUUID, type NewResult } from "../tasks/index.ts";
import { measured, type WorkerMetrics } from "./metrics.ts";

/** A claim whose type of task is known. */
export type ClaimOf<Task extends PictureTask> = Claim & { readonly task: Task };

/** What storing a picture needs. */
export interface StoreMeans {
  readonly files: Pick<FileStore, "put">;
  /** Program and version, written into pictures. */
  readonly software: string;
  /** How long a picture without `ttl` is kept. */
  readonly keepSeconds: number;
  readonly metrics: WorkerMetrics;
  /** Stores and records through times when the disk is full or the database away. */
  patiently<T>(work: () => Promise<T>): Promise<T>;
}

/** What is recorded of a picture besides its file. */
export type ResultFacts = Pick<
  NewResult,
  "index" | "seed" | "cost" | "NSFWContent" | "skippedSteps" | "inputImageUUID"
>;

/** Encodes a finished picture as its task asks, stores it, and records it: with the last one the task has succeeded. */
export async function storeResult(
  claim: Claim,
  image: RgbImage,
  metadata: Omit<PictureMetadata, "software">,
  facts: ResultFacts,
  { files, software, keepSeconds, metrics, patiently }: StoreMeans,
): Promise<void> {
  const { task } = claim;
  const { outputFormat: format, outputQuality: quality } = task;
  const bytes = await measured(metrics, "encode", () =>
    encodeImage(image, { format, quality, metadata: { software, ...metadata } }),
  );
  const uuid = imageUUID(claim.salt, facts.index);
  const fileName = `${uuid}.${extensionOf(format)}`;
  await measured(metrics, "store", () => patiently(() => files.put(fileName, bytes)));
  const result: NewResult = {
    ...facts,
    imageUUID: uuid,
    outputFormat: format,
    fileName,
    contentType: contentTypeOf(format),
    width: image.width,
    height: image.height,
    byteLength: bytes.length,
    keepSeconds: (task.outputType.includes("URL") ? task.ttl : undefined) ?? keepSeconds,
  };
  await patiently(() => claim.result(result, facts.index === resultsOf(task) - 1));
}

import {
  contentTypeOf,
  encodeImage,
  extensionOf,
  type PictureMetadata,
  type RgbImage,
  type Shapes,
  svgFile,
} from "../../pictures/index.ts";
import { type PictureTask, resultsOf } from "../../protocol/index.ts";
import { type FileStore, storeThumbnails } from "../storage/index.ts";
import { type Claim, imageUUID, type NewResult } from "../tasks/index.ts";
import { measured, type WorkerMetrics } from "./metrics.ts";

/** A claim for a type of task. */
export type ClaimOf<Task extends PictureTask> = Claim & { readonly task: Task };

/** The dependencies of storing an image. */
export interface StoreMeans {
  readonly files: Pick<FileStore, "put">;
  /** Program and version, written into images. */
  readonly software: string;
  /** Retention of images without `ttl`. */
  readonly keepSeconds: number;
  readonly metrics: WorkerMetrics;
  /** Repeats work while the disk is full or the database unreachable. */
  patiently<T>(work: () => Promise<T>): Promise<T>;
}

/** The result of a task: an image, and its shapes if it was traced. */
export type Made = RgbImage & { readonly shapes?: Shapes };

/** The recorded facts about an image, apart from its file. */
export type ResultFacts = Pick<
  NewResult,
  "index" | "seed" | "cost" | "NSFWContent" | "skippedSteps" | "inputImageUUID" | "parents"
>;

/** Encodes an image as its task requests, stores and records it. The last image ends the task. */
export async function storeResult(
  claim: Claim,
  made: Made,
  about: Omit<PictureMetadata, "software">,
  facts: ResultFacts,
  { files, software, keepSeconds, metrics, patiently }: StoreMeans,
): Promise<void> {
  const { task } = claim;
  const metadata = { software, ...about };
  const bytes = await measured(metrics, "encode", () => encode(task, made, metadata));
  const uuid = imageUUID(claim.salt, facts.index);
  const fileName = `${uuid}.${extensionOf(task.outputFormat)}`;
  await measured(metrics, "store", async () => {
    if (made.shapes) await patiently(() => storeThumbnails(files, uuid, made));
    await patiently(() => files.put(fileName, bytes));
  });
  const result: NewResult = {
    ...facts,
    imageUUID: uuid,
    outputFormat: task.outputFormat,
    fileName,
    contentType: contentTypeOf(task.outputFormat),
    width: made.width,
    height: made.height,
    byteLength: bytes.length,
    keepSeconds: (task.outputType.includes("URL") ? task.ttl : undefined) ?? keepSeconds,
  };
  await patiently(() => claim.result(result, facts.index === resultsOf(task) - 1));
}

async function encode(task: PictureTask, made: Made, metadata: PictureMetadata): Promise<Uint8Array> {
  if (task.taskType === "vectorize") return svgFile(made.shapes!, { ...made, metadata });
  return encodeImage(made, { format: task.outputFormat, quality: task.outputQuality, metadata });
}

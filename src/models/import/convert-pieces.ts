import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quantiser } from "../../onnx/index.ts";
import { COMPONENT_FOLDERS, type Component } from "./component-folder.ts";
import { type ConversionHooks, convertTensors, writeIndex } from "./convert.ts";
import { completePart } from "./part-store.ts";
import type { ConvertedPiece, OpenPiece, Shard } from "./pieces.ts";

/** The component in progress, and bytes of the source. */
export interface ConversionProgress {
  readonly component: Component;
  readonly done: number;
  readonly total: number;
  /** Of `done`, the bytes that an earlier run converted. */
  readonly kept: number;
}

/**
 * Converts components, shard by shard, and completes them. Finished files of an earlier run are kept.
 * @throws CheckpointError naming a tensor with numbers that are not finite; the error of a download; the signal's reason
 */
export async function convertPieces(
  open: readonly OpenPiece[],
  hooks: { readonly signal?: AbortSignal | undefined; onProgress?(progress: ConversionProgress): void },
): Promise<void> {
  const shards = open.flatMap(({ piece, folder }) => piece.shards.map((shard) => ({ piece, folder, shard })));
  const total = shards.reduce((sum, { shard }) => sum + shard.bytes, 0);
  let [before, kept] = [0, 0];
  const rounding = quantiser();
  try {
    for (const { piece, folder, shard } of shards) {
      const { component } = piece;
      let done = 0;
      const onProgress = (bytes: number, wasKept: boolean) => {
        done += bytes;
        if (wasKept) kept += bytes;
        hooks.onProgress?.({ component, done: before + done, total, kept });
      };
      await convertShard(piece, shard, folder, { quantiser: rounding, signal: hooks.signal, onProgress });
      before += shard.bytes;
      if (shard !== piece.shards.at(-1)) continue;
      await writeIndex(
        folder,
        COMPONENT_FOLDERS[component].stem,
        Object.assign({}, ...(await holdersIn(piece, folder))),
      );
      await completePart(folder, piece.identity);
    }
  } finally {
    await rounding.release();
  }
}

/** Converts a shard, unless an earlier run did, and deletes its download. A note beside the files names its results. */
async function convertShard({ mode, merge }: ConvertedPiece, shard: Shard, folder: string, hooks: ConversionHooks) {
  const note = noteOf(shard, folder);
  if (existsSync(note)) hooks.onProgress?.(shard.bytes, true);
  else {
    const { part, close } = await shard.open();
    try {
      const holders = await convertTensors({ ...part, mode, merge }, folder, shard.label, hooks);
      await writeFile(`${note}.part`, JSON.stringify(holders));
      await rename(`${note}.part`, note);
    } finally {
      close();
    }
  }
  await shard.discard();
}

const noteOf = ({ label }: Shard, folder: string) => join(folder, `${label}.shard.json`);

function holdersIn({ shards }: ConvertedPiece, folder: string): Promise<object[]> {
  return Promise.all(shards.map(async (shard) => JSON.parse(await readFile(noteOf(shard, folder), "utf8"))));
}

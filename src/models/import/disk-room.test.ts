import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { downloadTo, type HubFile, type Repository } from "../hub/index.ts";
import { bytesToConvert, requireRoom } from "./disk-room.ts";
import { gatherRepository } from "./gather-repository.ts";
import type { ConvertedPiece } from "./pieces.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-room-"));
});
afterEach(() => rm(folder, { recursive: true }));

const file = (path: string, size: number): HubFile => ({ path, size, checksum: { kind: "sha256", hex: path } });

const CHECKPOINT = "test/fixtures/plain/checkpoint";
const WEIGHTS = [
  ...Array.from({ length: 9 }, (_, i) =>
    file(`transformer/diffusion_pytorch_model-0000${i + 1}-of-00009.safetensors`, i < 8 ? 5e9 : 0.9e9),
  ),
  file("text_encoder/model.safetensors", 16.6e9),
  file("vae/diffusion_pytorch_model.safetensors", 0.25e9),
];
const INDEX = "transformer/diffusion_pytorch_model.safetensors.index.json";
const CONFIGS = ["transformer", "text_encoder", "vae"].map((name) => `${name}/config.json`);

/** A repository as large as Qwen/Qwen-Image. Only its configs can be fetched. */
const REAL: Repository = {
  name: "me/model",
  revision: "main",
  files: [
    ...["model_index.json", INDEX, ...CONFIGS].map((path) => file(path, 100)),
    ...WEIGHTS,
    file("about.mp4", 9e9),
  ],
  async fetch({ path }, to) {
    const place = join(to, path);
    await mkdir(join(place, ".."), { recursive: true });
    const shards = Object.fromEntries(WEIGHTS.slice(0, 9).map((shard, i) => [`t${i}`, shard.path.split("/")[1]]));
    await writeFile(
      place,
      path === INDEX ? JSON.stringify({ weight_map: shards }) : await readFile(join(CHECKPOINT, path)),
    );
    return place;
  },
};

const open = async (mode: "int8" | "int4") => {
  const { pieces } = await gatherRepository(REAL, downloadTo(join(folder, "hub"), REAL), { mode });
  return (pieces as ConvertedPiece[]).map((piece) => ({ piece, folder: join(folder, piece.component) }));
};

test("a repository takes its results and its largest file; what an interrupted run left is not counted again", async () => {
  expect(await bytesToConvert(await open("int8"))).toBeCloseTo(0.48 * (40.9e9 + 16.6e9) + 0.25e9 + 16.6e9, -2);
  expect(await bytesToConvert(await open("int4"))).toBeLessThan(34e9);
  await mkdir(join(folder, "vae"));
  await writeFile(join(folder, "vae/model.safetensors"), Buffer.alloc(1000));
  await writeFile(join(folder, "hub~new/text_encoder/model.safetensors.part"), Buffer.alloc(500));
  expect(await bytesToConvert(await open("int8"))).toBeCloseTo(
    0.48 * (40.9e9 + 16.6e9) + 0.25e9 - 1000 + 16.6e9 - 500,
    -2,
  );
});

test("of a download only what is missing counts", async () => {
  const place = join(folder, "hub");
  await mkdir(place);
  await mkdir(`${place}~new`);
  await writeFile(join(place, "a"), Buffer.alloc(1000));
  await writeFile(join(`${place}~new`, "b.part"), Buffer.alloc(300));
  const files = [file("a", 1000), file("b", 1000), file("c", 1000)];
  expect(await downloadTo(place, REAL).missingBytes(files)).toBe(1700);
});

test("a disk without room is refused with both sizes", async () => {
  await requireRoom(1, folder);
  await expect(requireRoom(1e18, join(folder, "not/yet"))).rejects.toThrow(
    /^it needs 1000000000\.0 GB of disk space; \d+\.\d GB are free\. .* INKSTONE_MODELS_DIR$/,
  );
});

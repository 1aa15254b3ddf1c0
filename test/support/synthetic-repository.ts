import { readdirSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TensorShapes } from "../../src/engine/checkpoint/asked-tensors.ts";
import type { HubFile, Repository } from "../../src/models/hub/index.ts";
import { layoutOf, type Synthetic, writeNoise } from "./synthetic-checkpoint.ts";

/** Bytes of a shard: the published repository has shards of 5 GB. */
const SHARD_BYTES = 5e9;

/**
 * A repository of the hub in diffusers layout, with weights in BF16 whose numbers are noise. Each file is made when it is fetched, so
 * that no more of it is on the disk than of a real one that is pulled.
 */
export function syntheticRepository(synthetic: Omit<Synthetic, "form">): Repository {
  const { configs, components } = layoutOf(synthetic);
  const makers = new Map<string, { size: number; make(path: string): Promise<unknown> }>();
  const addJson = (path: string, value: object) =>
    makers.set(path, { size: 1000, make: (target) => writeFile(target, JSON.stringify(value)) });
  for (const [path, value] of Object.entries(configs)) addJson(path, value);
  for (const name of readdirSync(synthetic.tokenizer)) {
    makers.set(`tokenizer/${name}`, { size: 1000, make: (target) => cp(join(synthetic.tokenizer, name), target) });
  }
  for (const { folder, stem, shapes } of components) {
    const shards = intoShards(shapes);
    const files: Record<string, string> = {};
    for (const [i, shard] of shards.entries()) {
      const count = String(shards.length).padStart(5, "0");
      const name = `${stem}-${String(i + 1).padStart(5, "0")}-of-${count}.safetensors`;
      makers.set(`${folder}/${name}`, { size: bytesOf(shard), make: (target) => writeNoise(target, shard, "plain") });
      for (const tensor of shard.keys()) files[tensor] = name;
    }
    addJson(`${folder}/${stem}.safetensors.index.json`, { metadata: {}, weight_map: files });
  }
  const made = (path: string, size: number): HubFile => ({ path, size, checksum: { kind: "sha256", hex: path } });
  return {
    name: "me/true-size",
    revision: "main",
    files: [...makers].map(([path, { size }]) => made(path, size)),
    async fetch({ path }, folder) {
      const target = join(folder, path);
      await mkdir(join(target, ".."), { recursive: true });
      await makers.get(path)!.make(target);
      return target;
    },
  };
}

function intoShards(shapes: TensorShapes): Map<string, readonly number[]>[] {
  const shards = [new Map<string, readonly number[]>()];
  for (const [name, shape] of shapes) {
    if (bytesOf(shards.at(-1)!) + bytesOf(new Map([[name, shape]])) > SHARD_BYTES) shards.push(new Map());
    shards.at(-1)!.set(name, shape);
  }
  return shards;
}

/** In BF16. */
function bytesOf(shapes: TensorShapes): number {
  return [...shapes.values()].reduce((sum, shape) => sum + 2 * shape.reduce((product, size) => product * size, 1), 0);
}

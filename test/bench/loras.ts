/**
 * `npm run bench:loras -- [--model DIR] [--size 256] [--steps 8] [--rounds 5] [--threads N]`
 *
 * What switching between LoRAs costs, in processor time: random ones of several ranks on several sets of layers, by turns. Printed as Markdown.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { type LoraParams, Pipeline } from "../../src/engine/index.ts";
import { seededRandom } from "../support/random.ts";
import { writeSafetensors } from "../support/safetensors.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: new URL("../../models/nano", import.meta.url).pathname },
    size: { type: "string", default: "256" },
    steps: { type: "string", default: "8" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string" },
  },
});

const ATTENTION = /transformer_blocks\.\d+\.attn\.(to_[qkv]|to_out\.0)\.weight$/;
const BLOCKS =
  /transformer_blocks\.\d+\.(attn\.(to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out)|(img|txt)_mlp\.net\.(0\.proj|2))\.weight$/;
const MODULATED = /transformer_blocks\.\d+\.((attn|img_mlp|txt_mlp)\..*|(img|txt)_mod\.1)\.weight$/;

const random = seededRandom(1);
const noise = (length: number) => Float32Array.from({ length }, () => (random() - 0.5) * 0.05);
const { weights } = (await openCheckpoint(values.model)).transformer;
const folder = await mkdtemp(join(tmpdir(), "inkstone-loras-"));

async function makeLora(name: string, layers: RegExp, rank: number): Promise<LoraParams> {
  const tensors = weights.names.flatMap((tensor) => {
    const { shape } = weights.find(tensor)!;
    if (!layers.test(tensor) || shape.length !== 2) return [];
    const [out, width] = shape as [number, number];
    const layer = `transformer.${tensor.slice(0, -".weight".length)}`;
    return [
      [`${layer}.lora_A.weight`, { data: noise(rank * width), dims: [rank, width] }] as const,
      [`${layer}.lora_B.weight`, { data: noise(out * rank), dims: [out, rank] }] as const,
    ];
  });
  const file = join(folder, `${name}.safetensors`);
  await writeFile(file, writeSafetensors(new Map(tensors)));
  return { file };
}

const loras: ReadonlyArray<readonly [string, LoraParams | undefined]> = [
  ["none", undefined],
  ["attention of the image, rank 4", await makeLora("attention", ATTENTION, 4)],
  ["all layers of the blocks, rank 8", await makeLora("blocks", BLOCKS, 8)],
  ["all layers of the blocks, rank 16", await makeLora("blocks-16", BLOCKS, 16)],
  ["with modulations, rank 8", await makeLora("modulated", MODULATED, 8)],
  ["all layers of the blocks, rank 64", await makeLora("blocks-64", BLOCKS, 64)],
  ["another of rank 64 on the same layers", await makeLora("other-64", BLOCKS, 64)],
];

const pipeline = await Pipeline.load(values.model, values.threads ? { threads: Number(values.threads) } : {});
const [size, steps] = [Number(values.size), Number(values.steps)];

/** Processor milliseconds, which a busy machine does not change much. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds to the end of the first step, and of each further one. */
async function draw(lora: LoraParams | undefined): Promise<{ first: number; step: number }> {
  const times = [now()];
  const onStep = () => void times.push(now());
  await pipeline.generate(
    { prompt: "a sign", width: size, height: size, steps, seed: 1n, ...(lora && { loras: [lora] }) },
    { onStep },
  );
  const further = times.slice(2).map((time, i) => time - times[i + 1]!);
  return { first: times[1]! - times[0]!, step: median(further) };
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

await draw(undefined); // opens the graphs
const rows = new Map<string, { first: number; step: number }[]>(loras.map(([name]) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [name, lora] of loras) rows.get(name)!.push(await draw(lora));
}
const plain = median(rows.get("none")!.map(({ first }) => first));
const ms = (number: number) => `${Math.round(number)} ms`;
console.log(
  `${size}×${size}, ${values.rounds} rounds; switching: what comes before the second step, beyond what it takes without a LoRA; processor time\n`,
);
console.log("| LoRA | a step | switching to it, first time | again |\n|---|---|---|---|");
for (const [name, [first, ...again]] of rows) {
  const steps = [first!, ...again].map(({ step }) => step);
  const later = median(again.map(({ first }) => first));
  console.log(`| ${name} | ${ms(median(steps))} | ${ms(first!.first - plain)} | ${ms(later - plain)} |`);
}
await pipeline.dispose();
await rm(folder, { recursive: true });

/**
 * `npm run bench:real -- [--blocks 4] [--sizes 256,512] [--steps 4] [--layers N] [--member edit-2511 --references 1] [--threads N]
 *  [--keep FOLDER] [--convert] [--peer PYTHON [--only NAME] [--turns 3]]`
 *
 * Draws with a checkpoint of Qwen-Image's true dimensions whose numbers are noise: `--blocks` of the 60 blocks, and as large a share of
 * the text encoder's 28 layers (`--layers` says otherwise). Prints seconds by stage, memory and disk. One pass a step, as
 * with Lightning. `--member` makes it an editing checkpoint with the whole vision tower; its references are as large as those of
 * photographs, about 1024² pixels for the transformer. `--keep` leaves the files in a folder and finds them there next time;
 * `--sizes none` makes them and does not draw.
 *
 * `--convert` makes the files as `inkstone models pull` does, from shards in BF16 that are made and deleted one by one; with `--keep`, an
 * interrupted conversion goes on when the command is repeated. `--peer` times single
 * passes and decodings in turns with diffusers and stable-diffusion.cpp instead; PYTHON has `reference/requirements-peers.txt`.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeCheckpoint, type Synthetic, TRUE_WIDTHS } from "../../support/synthetic-checkpoint.ts";
import { Drawer, type EditTiming, type Job, type Timing } from "../drawer.ts";
import { convertRepository, diskBytes } from "./convert.ts";
import { gigabytes, type Peak, readBytes, watchMemory } from "./memory.ts";
import { comparePeers } from "./peers.ts";

const { values } = parseArgs({
  options: {
    blocks: { type: "string", default: "4" },
    layers: { type: "string" },
    member: { type: "string" },
    references: { type: "string", default: "1" },
    sizes: { type: "string", default: "256,512" },
    steps: { type: "string", default: "4" },
    threads: { type: "string" },
    keep: { type: "string" },
    convert: { type: "boolean", default: false },
    peer: { type: "string" },
    only: { type: "string" },
    turns: { type: "string", default: "3" },
  },
});
const member = values.member as Synthetic["member"];
const blocks = Number(values.blocks);
const layers = Number(values.layers ?? Math.max(1, Math.round((28 * blocks) / 60)));
const sides = values.sizes === "none" ? [] : values.sizes.split(",").map(Number);
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), "inkstone-real-")));

try {
  if (values.peer) {
    const [threads, turns] = [Number(values.threads ?? 2), Number(values.turns)];
    await comparePeers(await checkpoint(), { python: values.peer, sides, threads, turns, only: values.only });
  } else await measure();
} finally {
  if (!values.keep) await rm(folder, { recursive: true });
}

async function measure(): Promise<void> {
  const int8 = await checkpoint();
  if (sides.length === 0) return;
  const start = performance.now();
  const args = [path("../inkstone.ts"), int8, ...(values.threads ? [values.threads] : [])];
  const drawer = await Drawer.start({ file: process.execPath, args });
  const ready = (performance.now() - start) / 1000;
  console.log("memory plan:", drawer.ready.plan);
  const rows: string[] = [];
  for (const side of sides) {
    const memory = watchMemory(drawer.pid);
    const before = await readBytes(drawer.pid);
    const timing = await drawer.draw(job(side));
    const read = (await readBytes(drawer.pid)) - before;
    rows.push(row(side, ready, timing, await memory.stop(), read));
  }
  await drawer.stop();
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `\n${cpus().length} × ${cpus()[0]!.model}, load ${load}; ${blocks} of 60 blocks, ${layers} of 28 text layers; one pass a step\n`,
  );
  const columns = ["size", "ready", "tower", "references", "text", "a pass", "… its processor", "decode"];
  console.log(`| ${[...columns, "processor in all", "anonymous", "resident", "read from disk"].join(" | ")} |`);
  console.log("| --- ".repeat(columns.length + 4).concat("|"));
  console.log(rows.join("\n"));
}

async function checkpoint(): Promise<string> {
  const tokenizer = path(member ? "../../fixtures/edit/checkpoint/tokenizer" : "../../../models/nano/tokenizer");
  const synthetic: Omit<Synthetic, "form"> = { widths: TRUE_WIDTHS, blocks, layers, member, tokenizer };
  if (values.convert) return convertRepository(synthetic, folder);
  const to = join(folder, "int8");
  const start = performance.now();
  await makeCheckpoint(to, { ...synthetic, form: "int8" });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`int8: ${gigabytes(await diskBytes(to))} on disk, made in ${seconds} s`);
  return to;
}

function job(side: number): Job {
  return {
    ...{ prompt: 'A wooden sign that says "OPEN" beside a teapot', negativePrompt: " ", guidance: 1 },
    ...{ width: side, height: side, steps: Number(values.steps), seed: 7 },
    ...(member && { references: Number(values.references) }),
  };
}

function row(side: number, ready: number, timing: Timing & Partial<EditTiming>, peak: Peak, read: number): string {
  const { tower = 0, condition = 0, text, transformer, transformerProcessor, processor, decode } = timing;
  const steps = Number(values.steps);
  const passes = [`${(transformer / steps).toFixed(2)} s`, `${(transformerProcessor / steps).toFixed(2)} s`];
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  return `| ${[`${side}²`, seconds(ready), seconds(tower), seconds(condition), seconds(text), ...passes, seconds(decode), seconds(processor), gigabytes(peak.anonymous), gigabytes(peak.resident), gigabytes(read)].join(" | ")} |`;
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

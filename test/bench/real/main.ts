/**
 * `npm run bench:real -- [--blocks 4] [--sizes 256,512] [--steps 4] [--layers N] [--member edit-2511 --references 1] [--threads N] [--keep FOLDER]`
 *
 * Draws with a checkpoint of Qwen-Image's true dimensions whose numbers are noise: `--blocks` of the 60 blocks, and as large a share of
 * the text encoder's 28 layers (`--layers` says otherwise). Prints seconds by stage, memory and disk. One pass a step, as
 * with Lightning. `--member` makes it an editing checkpoint with the whole vision tower; its references are as large as those of
 * photographs, about 1024² pixels for the transformer. `--keep` leaves the files in a folder and finds them there next time.
 */

import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeCheckpoint, type Synthetic, TRUE_WIDTHS } from "../../support/synthetic-checkpoint.ts";
import { Drawer, type EditTiming, type Job, type Timing } from "../drawer.ts";

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
  },
});
const member = values.member as Synthetic["member"];
const blocks = Number(values.blocks);
const layers = Number(values.layers ?? Math.max(1, Math.round((28 * blocks) / 60)));
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), "inkstone-real-")));

try {
  await measure();
} finally {
  if (!values.keep) await rm(folder, { recursive: true });
}

async function measure(): Promise<void> {
  const int8 = await checkpoint();
  const start = performance.now();
  const args = [path("../inkstone.ts"), int8, ...(values.threads ? [values.threads] : [])];
  const drawer = await Drawer.start({ file: process.execPath, args });
  const ready = (performance.now() - start) / 1000;
  console.log("memory plan:", drawer.ready.plan);
  const rows: string[] = [];
  for (const side of values.sizes.split(",").map(Number)) {
    const memory = watchMemory(drawer.pid);
    const timing = await drawer.draw(job(side));
    rows.push(row(side, ready, timing, await memory.stop()));
  }
  await drawer.stop();
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `\n${cpus().length} × ${cpus()[0]!.model}, load ${load}; ${blocks} of 60 blocks, ${layers} of 28 text layers; one pass a step\n`,
  );
  const columns = ["size", "ready", "tower", "references", "text", "a pass", "… its processor", "decode"];
  console.log(`| ${[...columns, "processor in all", "anonymous", "resident"].join(" | ")} |`);
  console.log("| --- ".repeat(columns.length + 3).concat("|"));
  console.log(rows.join("\n"));
}

async function checkpoint(): Promise<string> {
  const to = join(folder, "int8");
  const start = performance.now();
  const tokenizer = path(member ? "../../fixtures/edit/checkpoint/tokenizer" : "../../../models/nano/tokenizer");
  await makeCheckpoint(to, { widths: TRUE_WIDTHS, blocks, layers, form: "int8", member, tokenizer });
  let bytes = 0;
  for (const name of await readdir(to, { recursive: true })) bytes += (await stat(join(to, name))).size;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`int8: ${gigabytes(bytes)} on disk, made in ${seconds} s`);
  return to;
}

function job(side: number): Job {
  return {
    ...{ prompt: 'A wooden sign that says "OPEN" beside a teapot', negativePrompt: " ", guidance: 1 },
    ...{ width: side, height: side, steps: Number(values.steps), seed: 7 },
    ...(member && { references: Number(values.references) }),
  };
}

interface Peak {
  readonly anonymous: number;
  readonly resident: number;
}

/** The process computes without answering: somebody else has to look. */
function watchMemory(pid: number): { stop(): Promise<Peak> } {
  let peak: Peak = { anonymous: 0, resident: 0 };
  const look = async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    const anonymous = 1024 * kilobytes("RssAnon");
    const resident = anonymous + 1024 * (kilobytes("RssFile") + kilobytes("RssShmem"));
    peak = { anonymous: Math.max(peak.anonymous, anonymous), resident: Math.max(peak.resident, resident) };
  };
  const timer = setInterval(look, 50);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return peak;
    },
  };
}

function row(side: number, ready: number, timing: Timing & Partial<EditTiming>, peak: Peak): string {
  const { tower = 0, condition = 0, text, transformer, transformerProcessor, processor, decode } = timing;
  const steps = Number(values.steps);
  const passes = [`${(transformer / steps).toFixed(2)} s`, `${(transformerProcessor / steps).toFixed(2)} s`];
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  return `| ${[`${side}²`, seconds(ready), seconds(tower), seconds(condition), seconds(text), ...passes, seconds(decode), seconds(processor), gigabytes(peak.anonymous), gigabytes(peak.resident)].join(" | ")} |`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

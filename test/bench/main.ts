/**
 * `npm run bench -- [--model DIR] [--sizes 128x128,256x256] [--steps 4,20] [--runs 5] [--cold-runs 3] [--peer PYTHON]
 *  [--dtypes float32,bfloat16] [--against CHECKOUT] [--threads N]`
 *
 * Draws the same pictures with Inkstone and, given a Python that has `reference/requirements.txt`, with diffusers in float32
 * and in bfloat16 on the same checkpoint, or with Inkstone in another checkout (installed with `npm ci`). The contenders take
 * turns, picture by picture, so that a busy moment of the machine meets all of them; medians are printed as Markdown.
 */

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type ColdStart, type Command, coldStart, Drawer, type Job, type Timing } from "./drawer.ts";
import { medianStart, medianTiming, type Result, ratioTable, timeTable } from "./report.ts";

const OURS = "Inkstone";

interface Contender {
  readonly name: string;
  /** A process that draws many pictures. */
  readonly warm: Command;
  /** A process that draws one picture into a file. */
  cold(job: Job, out: string): Command;
}

const { values } = parseArgs({
  options: {
    model: { type: "string", default: path("../../models/nano") },
    sizes: { type: "string", default: "128x128,256x256" },
    steps: { type: "string", default: "4,20" },
    runs: { type: "string", default: "5" },
    "cold-runs": { type: "string", default: "3" },
    prompt: { type: "string", default: 'A wooden sign that says "OPEN" beside a teapot' },
    peer: { type: "string" },
    against: { type: "string" },
    threads: { type: "string" },
    dtypes: { type: "string", default: "float32,bfloat16" },
  },
});
const steps = values.steps.split(",").map(Number);
const [runs, coldRuns] = [Number(values.runs), Number(values["cold-runs"])];
const contenders = [
  inkstone(OURS, path("../..")),
  ...(values.against ? [inkstone(`${OURS} in ${values.against}`, resolve(values.against))] : []),
  ...(values.peer ? diffusers(values.peer, values.model) : []),
];
const out = await mkdtemp(join(tmpdir(), "inkstone-bench-"));

try {
  const results: Result[] = [];
  for (const size of values.sizes.split(",")) results.push(...(await measureSize(size)));
  const threads = values.threads ? `, ${values.threads} threads each` : "";
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `\n${cpus().length} × ${cpus()[0]!.model}, load ${load}${threads}; medians of ${runs} warm and ${coldRuns} cold pictures\n`,
  );
  console.log(timeTable(results));
  if (contenders.length > 1) console.log(`\nThe best of the others over ${OURS}:\n\n${ratioTable(results, OURS)}`);
} finally {
  await rm(out, { recursive: true });
}

/** Fresh processes for every size, so that their peak memory is that of the size. */
async function measureSize(size: string): Promise<Result[]> {
  const [width, height] = size.split("x").map(Number) as [number, number];
  const job = { prompt: values.prompt, negativePrompt: " ", guidance: 4, width, height };
  const cold = new Map<string, ColdStart[]>();
  const warm = new Map<string, Timing[]>();
  for (const count of steps) {
    for (let run = 0; run < coldRuns; run++) {
      for (const [i, contender] of inTurn(run)) {
        const file = join(out, `${size}-${count}-${run}-${i}.png`);
        push(
          cold,
          `${contender.name} ${count}`,
          await coldStart(contender.cold({ ...job, steps: count, seed: run }, file)),
        );
        await checkSize(file, width, height);
      }
    }
    progress(`${size}, ${count} steps: cold`);
  }
  const drawers: Drawer[] = [];
  const peaks: number[] = [];
  try {
    for (const contender of contenders) drawers.push(await Drawer.start(contender.warm));
    for (const count of steps) {
      // The first round warms up and is not counted.
      for (let run = 0; run <= runs; run++) {
        for (const [i, { name }] of inTurn(run)) {
          const timing = await drawers[i]!.draw({ ...job, steps: count, seed: run });
          if (run > 0) push(warm, `${name} ${count}`, timing);
        }
      }
      progress(`${size}, ${count} steps: warm`);
    }
    peaks.push(...drawers.map((drawer) => drawer.peakMemory()));
  } finally {
    await Promise.all(drawers.map((drawer) => drawer.stop()));
  }
  return steps.flatMap((count) =>
    contenders.map(({ name }, i) => ({
      contender: name,
      size,
      steps: count,
      cold: medianStart(cold.get(`${name} ${count}`)!),
      warm: medianTiming(warm.get(`${name} ${count}`)!),
      warmPeak: peaks[i]!,
    })),
  );
}

/** Whoever goes first finds other caches than whoever follows: they change places. */
function inTurn(run: number): [number, Contender][] {
  const order = [...contenders.entries()];
  return run % 2 === 0 ? order : order.reverse();
}

function inkstone(name: string, checkout: string): Contender {
  const { model, threads } = values;
  return {
    name,
    warm: {
      file: process.execPath,
      args: [join(checkout, "test/bench/inkstone.ts"), model, ...(threads ? [threads] : [])],
    },
    cold: ({ prompt, negativePrompt, ...job }, file) => ({
      file: process.execPath,
      args: [
        ...[program(checkout), "generate", prompt, "--negative", negativePrompt, "--model", model],
        ...["--width", job.width, "--height", job.height, "--steps", job.steps].map(String),
        ...["--true-cfg", job.guidance, "--seed", job.seed, "--out", file].map(String),
        ...threadsFlag(),
      ],
    }),
  };
}

/** What starts a checkout's command; older ones have no `bin/`. */
function program(checkout: string): string {
  const bin = join(checkout, "bin/inkstone.mjs");
  return existsSync(bin) ? bin : join(checkout, "src/cli/main.ts");
}

function diffusers(python: string, model: string): Contender[] {
  return values.dtypes.split(",").map((dtype) => {
    const args = [path("../../reference/bench.py"), "--model", model, "--dtype", dtype, ...threadsFlag()];
    return {
      name: `diffusers ${dtype}`,
      warm: { file: python, args },
      cold: (job, file) => ({ file: python, args: [...args, "--once", JSON.stringify(job), "--out", file] }),
    };
  });
}

/** Both sides know this flag; without it each takes what it thinks best. */
function threadsFlag(): string[] {
  return values.threads ? ["--threads", values.threads] : [];
}

/** A picture of another size (a model card may bound its pixels) would be no comparison. */
async function checkSize(file: string, width: number, height: number): Promise<void> {
  const header = await readFile(file);
  const drawn = [header.readUInt32BE(16), header.readUInt32BE(20)];
  if (drawn[0] !== width || drawn[1] !== height)
    throw new Error(`asked for ${width}x${height}, got ${drawn.join("x")}`);
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

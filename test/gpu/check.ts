/**
 * `npm run check:gpu -- [--device cuda] [--toy] [--blocks 4] [--side 1024] [--minutes 6] [--peer PYTHON]`,
 * `npm run check:gpu -- --pack FILE.tgz`
 *
 * What there is to know of a GPU, in one go and without a network: whether its provider loads and passes its tests, whether every stage
 * equals the processor's, and seconds of a pass and memory for weights of Qwen-Image's true size (numbers of noise) in 4, 8 and
 * 16 bits, with products in float32 and, where the device has it, in float16. Each pass is compared with the processor's too. `--toy` does the
 * same with small networks, on any device. `--pack` writes all that it needs, Node included, into one archive for a machine of the same
 * system: unpack it there and run `./check-gpu --device cuda`. `--peer` times diffusers in BF16 on the same card; PYTHON has torch and
 * diffusers. Ends with 1 when a stage or a pass of weights in 16 bits differs.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { DeviceError, type DeviceName, type OpenedDevice, openDevice } from "../../src/onnx/index.ts";
import { Drawer } from "../bench/drawer.ts";
import { relativeError } from "../support/relative-error.ts";
import { somePass, velocityOf, waves } from "../support/some-pass.ts";
import { makeCheckpoint, type Synthetic, smallWidths, TRUE_WIDTHS } from "../support/synthetic-checkpoint.ts";
import { pack } from "./pack.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    toy: { type: "boolean", default: false },
    blocks: { type: "string", default: "4" },
    side: { type: "string" },
    minutes: { type: "string", default: "6" },
    pack: { type: "string" },
    peer: { type: "string" },
  },
});
const FORMS = [
  ["4 bit (blocks of 32)", "blocks4"],
  ["8 bit (blocks of 32)", "blocks8"],
  ["16 bit", "plain"],
] as const;

/** Most that a stage may differ from the processor's in float32, relatively. */
const BOUNDS = { float32: 1e-3, float16: 2e-2 } as const;

const TEXT_TOKENS = 64;

const root = fileURLToPath(new URL("../..", import.meta.url));
const began = performance.now();
const seconds = () => (performance.now() - began) / 1000;

if (values.pack) await pack(root, values.pack);
else await check();

async function check(): Promise<void> {
  const devices: OpenedDevice[] = [];
  for (const precision of ["float32", "float16"] as const) {
    try {
      const opened = await openDevice(values.device as DeviceName, { precision });
      if (opened.device.precision !== precision) continue; // the processor has one only
      devices.push(opened);
      console.log(`opened after ${seconds().toFixed(1)} s: ${opened.note}`);
    } catch (error) {
      if (devices.length === 0 || !(error instanceof DeviceError)) throw error;
      console.log(error.message);
    }
  }
  const failed: string[] = [];
  for (const opened of devices) {
    const { precision } = opened.device;
    const worst = await compareStages(opened);
    if (!(worst < BOUNDS[precision])) failed.push(`a stage in ${precision} differs by ${worst.toExponential(1)}`);
  }
  failed.push(...(await measureForms(devices)));
  console.log(`\n${seconds().toFixed(0)} s in all`);
  for (const fault of failed) console.log(`FAILED: ${fault}`);
  if (failed.length > 0) process.exitCode = 1;
}

/** Every network of a small checkpoint, on the device and on the processor. @returns the largest relative error */
async function compareStages(device: OpenedDevice): Promise<number> {
  const checkpoint = await openCheckpoint(join(root, "test/fixtures/plain/checkpoint"));
  const here = await loadModel(checkpoint, { device: "cpu" });
  const there = await loadModel(checkpoint, { device });
  const pass = await somePass(here, 64, 20);
  const { latentChannels } = here;
  const stages: Record<string, (model: Model) => Promise<Float32Array>> = {
    velocity: (model) => velocityOf(model, pass),
    "VAE decoder": (model) => model.decodeLatents(waves(1, latentChannels, 8, 8)),
    "VAE encoder": (model) => model.encodePicture(waves(1, 3, 64, 64)),
  };
  console.log(`\n| stage in ${device.device.precision} | relative error to the processor |\n| --- | --- |`);
  let worst = 0;
  for (const [name, run] of Object.entries(stages)) {
    const error = relativeError(await run(there), await run(here));
    worst = Number.isNaN(error) ? Number.NaN : Math.max(worst, error);
    console.log(`| ${name} | ${error.toExponential(1)} |`);
  }
  await Promise.all([here.dispose(), there.dispose()]);
  return worst;
}

/** No new row begins in the last third of the time. */
function late(): boolean {
  return seconds() > 60 * Number(values.minutes) * 0.7;
}

/** Seconds, memory and errors of some blocks, and what all 60 come to. @returns what is wrong */
async function measureForms(devices: readonly OpenedDevice[]): Promise<string[]> {
  const failed: string[] = [];
  const { toy } = values;
  const blocks = Number(values.blocks);
  const side = Number(values.side ?? (toy ? 64 : 1024));
  const folder = await mkdtemp(join(tmpdir(), "inkstone-check-gpu-"));
  const tokenizer = join(root, "test/fixtures/edit/checkpoint/tokenizer");
  console.log(`\n${blocks} blocks at ${side}², ${toy ? "small" : "true"} widths\n`);
  console.log(
    "| weights, products | load | a pass | of 60 blocks | memory of the device, of 60 blocks | error to the processor |",
  );
  console.log("| --- | --- | --- | --- | --- | --- |");
  try {
    for (const [title, form] of FORMS) {
      if (late()) {
        console.log(`| ${title} | not begun: the time is nearly over |`);
        continue;
      }
      const widths = toy ? smallWidths(430) : TRUE_WIDTHS;
      await makeCheckpoint(join(folder, form), { widths, blocks, layers: 1, form, tokenizer } satisfies Synthetic);
      const wanted = await processorsVelocity(join(folder, form), side);
      for (const opened of devices) {
        const { precision } = opened.device;
        if (late()) {
          console.log(`| ${title}, ${precision} | not begun |`);
          continue;
        }
        const measured = await measure(join(folder, form), opened, blocks, side).catch((error: Error) => error);
        if (measured instanceof Error) {
          console.log(`| ${title}, ${precision} | ${measured.message} |`);
          failed.push(`${title}, ${precision}: ${measured.message}`);
          continue;
        }
        const { cells, velocity } = measured;
        const error = relativeError(velocity, wanted);
        console.log(`| ${title}, ${precision} | ${cells.join(" | ")} | ${error.toExponential(1)} |`);
        // In blocks the processor rounds activations to 8 bits, a GPU does not.
        const bound = form === "plain" ? BOUNDS[precision] : 0.1;
        if (!(error < bound)) failed.push(`a pass with ${title}, ${precision} differs by ${error.toExponential(1)}`);
      }
      if (form === "plain" && values.peer) {
        const row = peerRow(join(folder, form), values.peer, blocks, side);
        const failure = ({ message }: Error) => `| diffusers, BF16 | ${message.trim().split("\n").at(-1)} |`;
        console.log(await row.catch(failure));
      }
      await rm(join(folder, form), { recursive: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return failed;
}

/** The velocity that a device should compute. */
async function processorsVelocity(folder: string, side: number): Promise<Float32Array> {
  const model = await loadModel(await openCheckpoint(folder), { device: "cpu" });
  try {
    return new Float32Array(await velocityOf(model, await somePass(model, side, TEXT_TOKENS)));
  } finally {
    await model.dispose();
  }
}

interface Measured {
  readonly cells: readonly string[];
  readonly velocity: Float32Array;
}

async function measure(folder: string, device: OpenedDevice, blocks: number, side: number): Promise<Measured> {
  const before = await usedMemory();
  const start = performance.now();
  const model = await loadModel(await openCheckpoint(folder), { device });
  const loaded = (performance.now() - start) / 1000;
  try {
    const pass = await somePass(model, side, TEXT_TOKENS);
    await velocityOf(model, pass); // uploads weights, compiles kernels
    let fastest = Number.POSITIVE_INFINITY;
    let velocity = new Float32Array();
    for (let run = 0; run < 3; run++) {
      const start = performance.now();
      velocity = new Float32Array(await velocityOf(model, pass));
      fastest = Math.min(fastest, (performance.now() - start) / 1000);
    }
    const after = await usedMemory();
    const scale = 60 / blocks;
    const memory = before === undefined || after === undefined ? "not told" : gigabytes((after - before) * scale);
    const times = [`${loaded.toFixed(1)} s`, `${fastest.toFixed(3)} s`, `${(fastest * scale).toFixed(2)} s`];
    return { cells: [...times, memory], velocity };
  } finally {
    await model.dispose();
  }
}

/** The same pass by diffusers in BF16, on an NVIDIA GPU where torch finds one. */
async function peerRow(folder: string, python: string, blocks: number, side: number): Promise<string> {
  const device = values.device.startsWith("cuda") ? values.device : await torchDevice(python);
  const args = ["diffusers", "--model", folder, "--stage", "pass", "--side", String(side), "--device", device];
  const before = await usedMemory();
  const start = performance.now();
  const peer = await Drawer.start({ file: python, args: [join(root, "reference/real_peers.py"), ...args] });
  try {
    const loaded = (performance.now() - start) / 1000;
    const times: number[] = [];
    for (let turn = 0; turn < 3; turn++) times.push((await peer.ask<{ seconds: number }>({ turn })).seconds);
    const after = await usedMemory();
    const fastest = Math.min(...times);
    const scale = 60 / blocks;
    const memory = before === undefined || after === undefined ? "not told" : gigabytes((after - before) * scale);
    const cells = [
      `${loaded.toFixed(1)} s`,
      `${fastest.toFixed(3)} s`,
      `${(fastest * scale).toFixed(2)} s`,
      memory,
      "",
    ];
    return `| diffusers, BF16, ${device} | ${cells.join(" | ")} |`;
  } finally {
    await peer.stop();
  }
}

async function torchDevice(python: string): Promise<string> {
  const code = "import torch; print('cuda' if torch.cuda.is_available() else 'cpu')";
  return (await promisify(execFile)(python, ["-c", code])).stdout.trim();
}

/** Bytes in use on the first NVIDIA GPU; undefined where its tool is not there. */
async function usedMemory(): Promise<number | undefined> {
  const query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"];
  const told = await promisify(execFile)("nvidia-smi", query).catch(() => undefined);
  return told && Number(told.stdout) * 2 ** 20;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

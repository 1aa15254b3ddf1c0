import { existsSync } from "node:fs";
import { mkdtemp, rmdir } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { styleText } from "node:util";
import type { Command } from "commander";
import type { DeviceName, Examination, Precision } from "../engine/index.ts";
import { DEFAULT_MODEL, dataDirectory, findModel, type Model, modelLocations } from "../models/index.ts";
import { decodeImage, encodeImage, imageFormats } from "../pictures/index.ts";
import { readConfig } from "../settings/index.ts";
import { oldestNode } from "../version.ts";
import { settingFlag } from "./setting-flags.ts";
import { print, type Terminal } from "./terminal.ts";

/** `inkstone doctor`: checks whether this machine is ready. Exit code 1 if a check fails. */
export function addDoctor(command: Command, terminal: Terminal): void {
  command
    .option("--model <air|folder>", "Checkpoint to check.", DEFAULT_MODEL)
    .addOption(settingFlag("dataDir"))
    .action(async ({ model, dataDir }: { model: string; dataDir?: string }) => {
      const data = dataDirectory(terminal.env, dataDir);
      let failed = 0;
      for (const { name, run } of checks(model, data, terminal)) {
        const outcome = await run().then(
          (found) => ({ ok: true, found }),
          (error: Error) => ({ ok: false, found: error.message }),
        );
        if (!outcome.ok) failed++;
        const mark = outcome.ok ? colour("green", "ok    ", terminal) : colour("red", "FAILED", terminal);
        print(terminal, `${mark}  ${name.padEnd(13)}  ${outcome.found}`);
      }
      if (failed > 0) throw new Error(`${failed} ${failed === 1 ? "check" : "checks"} failed`);
    });
}

/** One check. Resolves with the finding, rejects with the problem. */
interface Check {
  readonly name: string;
  run(): Promise<string>;
}

function checks(name: string, dataDir: string, terminal: Terminal): readonly Check[] {
  const model = () => findModel(name, modelLocations(terminal.env, dataDir));
  let examining: Promise<Examined> | undefined;
  const examined = () => {
    examining ??= model().then(examineModel);
    return examining;
  };
  return [
    { name: "Node", run: async () => checkNode(process.versions.node) },
    { name: "images", run: checkImages },
    { name: "ONNX Runtime", run: describeRuntime },
    { name: "device", run: async () => describeDevice(terminal, model) },
    { name: "checkpoint", run: async () => describeCheckpoint(await examined()) },
    { name: "memory", run: async () => describeMemory((await examined()).examination.plan) },
    { name: "speed", run: async () => describeSpeed((await examined()).examination) },
    { name: "data folder", run: () => checkDataFolder(dataDir) },
  ];
}

async function describeRuntime(): Promise<string> {
  const { runtimeVersion } = await import("../onnx/index.ts");
  return `${await runtimeVersion()} loads`;
}

/** The device that INKSTONE_DEVICE selects on this machine. By default, every GPU is tried in turn. */
async function describeDevice(terminal: Terminal, model: () => Promise<Model>): Promise<string> {
  const { INKSTONE_DEVICE: wanted, INKSTONE_PRECISION: numbers } = terminal.env;
  const { devices, precision } = readConfig({ devices: wanted || "auto", precision: numbers });
  const { createEngineProcess } = await import("../drawing/index.ts");
  const notes: string[] = [];
  for (const device of devices) {
    // In a separate process, because native code may write warnings or crash.
    const engine = createEngineProcess({ device, precision, quiet: true });
    try {
      await engine.ready();
      const note = engine.device.note!;
      const found = note.startsWith("cpu") ? undefined : await model().catch(() => undefined); // its own check names the error
      notes.push(found ? `${note}; ${await describeFallbacks(device, precision, found)}` : note);
    } finally {
      await engine.stop();
    }
  }
  return notes.join(", ");
}

/** Counts the operators of the checkpoint's first block that a GPU leaves to the processor. */
async function describeFallbacks(device: DeviceName, precision: Precision, { folder }: Model): Promise<string> {
  const { countFallbacks, openDevice } = await import("../engine/index.ts");
  const { all, onProcessor } = await countFallbacks(folder, (await openDevice(device, { precision })).device);
  const names = [...onProcessor].map(([name, count]) => `${count} ${name}`).join(", ");
  const count = [...onProcessor.values()].reduce((sum, count) => sum + count, 0);
  return `of ${all} operators of a block ${count} run on the processor${names && ` (${names})`}`;
}

/** @throws Error if the version is older than package.json requires */
export function checkNode(found: string): string {
  const [major = 0, minor = 0] = found.split(".").map(Number);
  const [oldMajor = 0, oldMinor = 0] = oldestNode.split(".").map(Number);
  if (major < oldMajor || (major === oldMajor && minor < oldMinor)) {
    throw new Error(`${found} is too old; install ${oldestNode} or newer`);
  }
  return found;
}

async function checkImages(): Promise<string> {
  const picture = { width: 16, height: 16, pixels: new Uint8Array(768).fill(128) };
  for (const format of imageFormats) await decodeImage(await encodeImage(picture, { format }));
  return `reads and writes ${imageFormats.join(", ")}`;
}

/** A model and its requirements on this machine. */
interface Examined extends Model {
  readonly examination: Examination;
}

async function examineModel(model: Model): Promise<Examined> {
  const { examine } = await import("../engine/index.ts");
  return { ...model, examination: await examine(model.folder) };
}

function describeCheckpoint({ card, folder, examination }: Examined): string {
  return `${card.name} in ${folder} is complete, loads in ${examination.loadSeconds.toFixed(1)} s`;
}

/** The memory plan in words. */
export function describeMemory(plan: Examination["plan"]): string {
  const sentences = [
    `${gigabytes(plan.available)} available of ${gigabytes(totalmem())}`,
    `${gigabytes(plan.copied)} for weights, about ${gigabytes(plan.working)} more for an image of 1024 × 1024`,
    `${gigabytes(plan.stored)} of files${plan.mapped === 0 ? "" : `, of which ${gigabytes(plan.mapped)} run from the disk without a copy`}`,
  ];
  if (plan.mapped > plan.available - plan.copied)
    sentences.push("not all files stay in memory, so passes also wait for the disk");
  if (Number.isFinite(plan.perSession)) sentences.push(`${plan.perSession} blocks per session`);
  if (!plan.keep) sentences.push("the text encoder and the modulations are unloaded after use");
  return sentences.join("; ");
}

/** Expected times in words, and what integer products lack on this processor. */
export function describeSpeed({
  passSeconds,
  activationBits,
}: Pick<Examination, "passSeconds" | "activationBits">): string {
  const seconds = (value: number) => (value < 10 ? value.toPrecision(2) : Math.round(value).toString());
  const narrow = "; this processor has no VNNI: activations are rounded to 7 bits instead of 8";
  return (
    `${cpus().length} cores; expected per pass: ${seconds(passSeconds[512])} s at 512 × 512, ` +
    `${seconds(passSeconds[1024])} s at 1024 × 1024. A step takes two passes, or one with a guidance of 1` +
    (activationBits === 7 ? narrow : "")
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/**
 * Creates a folder in the data folder and removes it again. If the data folder does not exist, uses its nearest
 * existing parent.
 */
async function checkDataFolder(folder: string): Promise<string> {
  let nearest = folder;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  await rmdir(await mkdtemp(join(nearest, ".inkstone-doctor-")));
  return `${folder} can be ${nearest === folder ? "written" : "created"}`;
}

function colour(name: "green" | "red", text: string, { stdout }: Terminal): string {
  return styleText(name, text, { stream: stdout as NodeJS.WriteStream });
}

import { existsSync } from "node:fs";
import { mkdtemp, readdir, rmdir, stat } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { styleText } from "node:util";
import { Command } from "commander";
import { dataDirectory, findModel, type Model, modelLocations } from "../models/index.ts";
import { decodeImage, encodeImage, imageFormats } from "../pictures/index.ts";
import { print, type Terminal } from "./terminal.ts";

/** `inkstone doctor`: is this machine ready? Exit code 1 when something is not. */
export function doctorCommand(terminal: Terminal): Command {
  return new Command("doctor")
    .description("Check that this machine can draw: Node, ONNX Runtime, the checkpoint, memory, the data folder.")
    .option("--model <air|folder>", "checkpoint to check", "runware:108@1")
    .option("--data-dir <folder>", "data folder to check [INKSTONE_DATA_DIR]")
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

/** One thing to look at: resolves with what was found, rejects with what is wrong. */
interface Check {
  readonly name: string;
  run(): Promise<string>;
}

function checks(name: string, dataDir: string, terminal: Terminal): readonly Check[] {
  const model = () => findModel(name, modelLocations(terminal.env, dataDir));
  return [
    { name: "Node", run: async () => checkNode(process.versions.node) },
    { name: "images", run: checkImages },
    { name: "ONNX Runtime", run: async () => ((await import("../engine/index.ts")) ? "loads" : "") },
    { name: "checkpoint", run: async () => checkCheckpoint(await model()) },
    { name: "memory", run: async () => checkMemory(await model()) },
    { name: "data folder", run: () => checkDataFolder(dataDir) },
  ];
}

/** @throws Error when the version is older than 22.18, the first that runs TypeScript as it is */
export function checkNode(found: string): string {
  const [major = 0, minor = 0] = found.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 18)) throw new Error(`${found} is too old; 22.18 or newer is needed`);
  return found;
}

async function checkImages(): Promise<string> {
  const picture = { width: 16, height: 16, pixels: new Uint8Array(768).fill(128) };
  for (const format of imageFormats) await decodeImage(await encodeImage(picture, { format }));
  return `${imageFormats.join(", ")} are written and read`;
}

async function checkCheckpoint({ card, folder }: Model): Promise<string> {
  const { Pipeline } = await import("../engine/index.ts");
  const start = performance.now();
  const pipeline = await Pipeline.load(folder);
  const seconds = (performance.now() - start) / 1000;
  await pipeline.dispose();
  return `${card.name} in ${folder} is complete, loads in ${seconds.toFixed(1)} s`;
}

/** Weights stored in 16 bits are computed with in 32: twice their size, and room for a picture. */
async function checkMemory({ folder }: Model): Promise<string> {
  const weights = await weightBytes(folder);
  const wanted = 2 * weights + 512e6;
  const available = process.availableMemory();
  const found =
    `${gigabytes(available)} available of ${gigabytes(totalmem())}, ${cpus().length} cores; ` +
    `about ${gigabytes(wanted)} wanted for ${gigabytes(weights)} of weights`;
  if (available < wanted) throw new Error(found);
  return found;
}

async function weightBytes(folder: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    if (name.endsWith(".safetensors")) total += (await stat(join(folder, name))).size;
  }
  return total;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Makes a folder in it and removes it again; where it does not exist yet, in the nearest folder above that does. */
async function checkDataFolder(folder: string): Promise<string> {
  let nearest = folder;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  await rmdir(await mkdtemp(join(nearest, ".inkstone-doctor-")));
  return `${folder} can be ${nearest === folder ? "written" : "made"}`;
}

function colour(name: "green" | "red", text: string, { stdout }: Terminal): string {
  return styleText(name, text, { stream: stdout as NodeJS.WriteStream });
}

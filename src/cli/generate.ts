import type { Command } from "commander";
import { type Findings, findAdapters, PictureRefused, pictureRecord } from "../drawing/index.ts";
import type { GeneratedImage } from "../engine/index.ts";
import { costPerPicture, modelLocations, planSize, resolveAdapter } from "../models/index.ts";
import { encodeImage } from "../pictures/index.ts";
import { stringifyJson, TaskError } from "../protocol/index.ts";
import type { SafetyPolicy } from "../settings/index.ts";
import { software } from "../version.ts";
import { UsageError } from "./exit.ts";
import { type GivenFlags, generateFlags } from "./generate-flags.ts";
import { type Order, readOrder } from "./generate-task.ts";
import { loadPictures } from "./input-pictures.ts";
import { letteringAdvice } from "./lettering-advice.ts";
import {
  nameOf,
  type OutputTarget,
  outputPath,
  outputTarget,
  PICTURES,
  requireWritable,
  shownPath,
  writeWhole,
} from "./output-file.ts";
import { createProgress, duration } from "./progress.ts";
import { settingFlag, settingsFrom } from "./setting-flags.ts";
import { letSignalsIn } from "./stop-signals.ts";
import { print, type Terminal, tell } from "./terminal.ts";

interface Flags extends GivenFlags {
  readonly params?: string;
  readonly quality?: string;
  readonly out?: string;
  readonly overwrite?: true;
  readonly json?: true;
}

/** `inkstone generate "PROMPT"`: generates images and prints their paths. */
export function addGenerate(command: Command, terminal: Terminal): void {
  command.argument("[prompt]", "Description of the image. Text in quotes appears in the image.");
  generateFlags
    .addTo(command)
    .option("--out <file|folder>", "Where to write; a folder must exist or end in / (default: this folder)")
    .option("--overwrite", "Replace an existing file that --out names. Without this flag, the command refuses.")
    .option("--params <file>", "JSON file with a task of the API, - for standard input. Flags override it.")
    .addOption(settingFlag("devices", { shape: "name", about: "Device: auto, cpu, webgpu, cuda or cuda:N." }))
    .addOption(settingFlag("precision"))
    .addOption(settingFlag("threads"))
    .option("--json", "One JSON object on stdout instead of paths.")
    .addHelpText("after", examples)
    .action(async (prompt: string | undefined, flags: Flags) => {
      const order = await readOrder(prompt, flags, terminal);
      const format = order.formatGiven ? order.task.outputFormat : undefined;
      const target = await outputTarget({ ...flags, format }, PICTURES, terminal.cwd);
      await fulfil({ ...order, task: { ...order.task, outputFormat: target.format } }, target, flags, terminal);
    });
}

const examples = `
Examples:
  inkstone generate 'A wooden sign that says "OPEN"' --seed 7
  inkstone generate "a red poster" --width 192 --height 288 --number 4 --out posters/
  inkstone generate --params task.json --steps 10 --out result.webp --json

Exit codes: 0 done, 1 failed, 2 usage error, 130 stopped by Ctrl-C.`;

interface Saved {
  readonly path: string;
  readonly seed: bigint;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  readonly cost?: number;
  /** Steps that the step cache skipped. Present only if a cache was on. */
  readonly skippedSteps?: number;
  /** Refined faces. Present only if face refinement was requested. */
  readonly faces?: number;
  /** Present only if the check was requested. */
  readonly NSFWContent?: boolean;
}

async function fulfil(order: Order, target: OutputTarget, flags: Flags, terminal: Terminal): Promise<void> {
  const { task, model, seed } = order;
  const pictures = await loadPictures(task);
  if (flags.quality !== undefined && target.format === "PNG") tell(terminal, "--quality has no effect on a PNG");
  const advice = letteringAdvice(model, task.positivePrompt);
  if (advice) tell(terminal, advice);
  await requireWritable(target, task.numberResults, terminal.cwd);
  const locations = modelLocations(terminal.env);
  const adapters = await findAdapters(task, (air, kind) => resolveAdapter(air, kind, locations));

  const started = performance.now();
  // Loaded here, not above: ONNX Runtime loads slowly, and `--help` does not need it.
  const [{ Pipeline }, { drawFinished, drawingFromTask, finishingNetworks, requireFaceModel, stagesOf }] =
    await Promise.all([import("../engine/index.ts"), import("../drawing/index.ts")]);
  const settings = settingsFrom(flags, ["devices", "precision", "threads"], terminal.env);
  requireFaceModel(settings.faceModel);
  const threads = settings.threads || undefined;
  const [device, ...others] = settings.devices;
  if (others.length > 0)
    throw new UsageError(`--device is ${settings.devices.join(",")}; use one device, because one image runs on one`);
  const networks = finishingNetworks({ faceModel: settings.faceModel, threads });
  const pipeline = await Pipeline.load(model.folder, {
    threads,
    device,
    precision: settings.precision,
    deviceMemory: settings.deviceMemoryMB > 0 ? settings.deviceMemoryMB * 1e6 : undefined,
    onDevice: (note) => device !== "cpu" && tell(terminal, `generating on ${note}`),
  });
  const loaded = performance.now();
  tell(terminal, `${model.card.name} loaded in ${duration((loaded - started) / 1000)}`);

  const progress = createProgress(terminal, task.numberResults);
  const saved: Saved[] = [];
  try {
    await letSignalsIn();
    const drawing = drawingFromTask(task, seed, model.card, pictures, adapters);
    const { note } = planSize(drawing, model.card.maxPixels);
    if (note) tell(terminal, note);
    const plan = { drawing, stages: stagesOf(task, settings, pictures), maxPixels: model.card.maxPixels };
    await drawFinished(pipeline, networks, plan, {
      signal: terminal.signal,
      onWarning: (message) => tell(terminal, message),
      async onStep(done) {
        progress.step(done);
        await letSignalsIn();
      },
      async onImage(image, index, findings) {
        const { faces, NSFWContent } = findings;
        const picture = { ...(await save(image, index, order, target)), faces, NSFWContent };
        saved.push(picture);
        progress.end();
        for (const line of told(findings, settings.safetyPolicy)) tell(terminal, line);
        if (!flags.json) print(terminal, shownPath(picture.path, terminal.cwd));
      },
    });
    tell(terminal, `${imageCount(saved.length)} in ${duration((performance.now() - loaded) / 1000)}`);
  } catch (error) {
    progress.end();
    if (error instanceof PictureRefused) throw new TaskError("nsfwContentDetected", { result: error.index + 1 });
    if (terminal.signal.aborted)
      tell(terminal, `stopped: ${saved.length} of ${imageCount(task.numberResults)} finished`);
    throw error;
  } finally {
    await Promise.all([pipeline.dispose(), networks.release()]);
  }
  if (flags.json) {
    const images = saved.map((picture) => ({ ...picture, outputFormat: target.format }));
    const times = { load: milliseconds(loaded - started), draw: milliseconds(performance.now() - loaded) };
    const parameters = pictureRecord(task, model.card, seed);
    print(terminal, stringifyJson({ images, parameters, seconds: times }, 2));
  }
}

async function save(image: GeneratedImage, index: number, order: Order, target: OutputTarget): Promise<Saved> {
  const { task, model } = order;
  const parameters = pictureRecord(task, model.card, image.seed);
  const { skippedSteps } = image;
  const bytes = await encodeImage(image, {
    format: target.format,
    quality: task.outputQuality,
    metadata: { software, parameters, skippedSteps },
  });
  const otherwise = nameOf(task.positivePrompt, image.seed);
  const path = await outputPath(target, { otherwise, index, count: task.numberResults });
  await writeWhole(path, bytes);
  const { width, height } = image;
  const cost = task.includeCost ? costPerPicture(model.card.price, task) : undefined;
  return { path, seed: image.seed, width, height, byteLength: bytes.length, cost, skippedSteps };
}

/** The findings of the stages, for the user. */
function told({ faces, safety }: Findings, policy: SafetyPolicy): string[] {
  const lines: string[] = [];
  if (faces !== undefined) lines.push(faces === 1 ? "1 face refined" : `${faces} faces refined`);
  if (safety?.flagged)
    lines.push(`flagged as unsafe${policy === "withhold" ? "; a grey image is written instead" : ""}`);
  return lines;
}

function imageCount(n: number): string {
  return n === 1 ? "1 image" : `${n} images`;
}

/** In seconds, with three decimals. */
function milliseconds(ms: number): number {
  return Math.round(ms) / 1000;
}

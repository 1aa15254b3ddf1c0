import { mkdir } from "node:fs/promises";
import { relative } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Command, Option } from "commander";
import type { GeneratedImage, GenerateParams } from "../engine/index.ts";
import { encodeImage, type MetadataObject, resizeImage } from "../images/index.ts";
import { costPerPicture, planSize, type SizePlan } from "../models/index.ts";
import { stringifyJson } from "../protocol/index.ts";
import { software } from "../version.ts";
import { type Drawing, type GenerateFlags, readDrawing } from "./generate-task.ts";
import { type OutputTarget, outputPath, outputTarget, writeWhole } from "./output-file.ts";
import { createProgress, duration } from "./progress.ts";
import { print, type Terminal, tell } from "./terminal.ts";

interface Flags extends GenerateFlags {
  readonly out?: string;
  readonly json?: true;
  readonly threads?: number;
}

/** `inkstone generate "PROMPT"`: draws, and prints the path of each picture. */
export function generateCommand(terminal: Terminal): Command {
  return new Command("generate")
    .description("Draw pictures from a prompt. Progress goes to stderr, the paths of finished pictures to stdout.")
    .argument("[prompt]", "what the picture should show; text in quotes is lettered")
    .option("--negative <text>", "what it should not show")
    .option("--width <pixels>", "128 to 2048, a multiple of 16 (default: the model's)")
    .option("--height <pixels>", "128 to 2048, a multiple of 16 (default: the model's)")
    .option("--steps <n>", "denoising steps, 1 to 50 (default: the model's)")
    .option("--cfg <scale>", "how closely to follow the prompt, 1 to 20 (default: the model's)")
    .option("--true-cfg <scale>", "true guidance scale; wins over --cfg, 1 or less switches guidance off")
    .option("--seed <n>", "0 to 18446744073709551615; picture i uses seed + i (default: a random one)")
    .option("--scheduler <name>", "sampler, by the API's names (default: the model's own)")
    .option("--number <n>", "pictures to draw, 1 to 20 (default: 1)")
    .option("--model <air|folder>", "model by identifier, or a checkpoint folder (default: runware:108@1)")
    .option("--out <file|folder>", "where to write; a folder must exist or end in / (default: this folder)")
    .option("--format <name>", "PNG, JPG or WEBP (default: by the extension of --out, else PNG)")
    .option("--quality <n>", "of JPG and WEBP, 20 to 99 (default: 95)")
    .option("--params <file>", "JSON file with a task as the API takes it; flags override it")
    .addOption(new Option("--threads <n>", "processor threads (default: one per core)").argParser(threads))
    .option("--json", "one JSON object on stdout instead of paths")
    .addHelpText("after", examples)
    .action(async (prompt: string | undefined, flags: Flags) => {
      const drawing = await readDrawing(prompt, flags, terminal);
      const format = drawing.formatGiven ? drawing.task.outputFormat : undefined;
      await draw(drawing, await outputTarget(flags.out, format, terminal.cwd), flags, terminal);
    });
}

const examples = `
Examples:
  inkstone generate 'A wooden sign that says "OPEN"' --seed 7
  inkstone generate "a red poster" --width 192 --height 288 --number 4 --out posters/
  inkstone generate --params task.json --steps 10 --out result.webp --json

Exit codes: 0 done, 1 failed, 2 wrongly asked, 130 stopped by Ctrl-C.`;

function threads(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 1024) {
    throw new RangeError(`--threads is ${text}; allowed is a whole number from 1 to 1024`);
  }
  return n;
}

interface Saved {
  readonly path: string;
  readonly seed: bigint;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  readonly cost?: number;
}

async function draw(drawing: Drawing, target: OutputTarget, flags: Flags, terminal: Terminal): Promise<void> {
  const { task, model } = drawing;
  const plan = planSize(task, model.card.maxPixels);
  if (plan.note) tell(terminal, plan.note);
  if (flags.quality !== undefined && target.format === "PNG") tell(terminal, "--quality changes nothing in a PNG");
  await mkdir(target.folder, { recursive: true });

  const started = performance.now();
  const { Pipeline } = await import("../engine/index.ts");
  const pipeline = await Pipeline.load(model.folder, flags.threads === undefined ? {} : { threads: flags.threads });
  const loaded = performance.now();
  tell(terminal, `${model.card.name} loaded in ${duration((loaded - started) / 1000)}`);

  const progress = createProgress(terminal, task.numberResults);
  const saved: Saved[] = [];
  try {
    await letSignalsIn();
    await pipeline.generate(engineParams(drawing, plan), {
      signal: terminal.signal,
      async onStep(event) {
        progress.step(event);
        await letSignalsIn();
      },
      async onImage(image, index) {
        const picture = await save(image, index, { drawing, plan, target });
        saved.push(picture);
        progress.end();
        if (!flags.json) print(terminal, shown(picture.path, terminal));
      },
    });
  } finally {
    progress.end();
    await pipeline.dispose();
  }
  const seconds = (performance.now() - loaded) / 1000;
  tell(terminal, `${saved.length === 1 ? "1 picture" : `${saved.length} pictures`} in ${duration(seconds)}`);
  if (flags.json) {
    const images = saved.map((picture) => ({ ...picture, outputFormat: target.format }));
    const times = { load: (loaded - started) / 1000, draw: seconds };
    print(terminal, stringifyJson({ images, parameters: parameters(drawing, drawing.seed), seconds: times }, 2));
  }
}

/** The task in the engine's words. */
function engineParams({ task, seed }: Drawing, { drawn }: SizePlan): GenerateParams {
  return {
    prompt: task.positivePrompt === "__BLANK__" ? " " : task.positivePrompt,
    ...(task.negativePrompt !== undefined && { negativePrompt: task.negativePrompt }),
    width: drawn.width,
    height: drawn.height,
    steps: task.steps,
    ...guidance(task),
    seed,
    count: task.numberResults,
  };
}

function guidance({ settings, CFGScale }: Drawing["task"]): { guidance?: number } {
  const scale = settings?.trueCFGScale ?? CFGScale;
  return scale === undefined ? {} : { guidance: scale };
}

/** What is written into the file: all that is needed to draw the same picture again, as a task for `--params`. */
function parameters({ task, model }: Drawing, seed: bigint): MetadataObject {
  const { positivePrompt, negativePrompt, width, height, steps, scheduler, CFGScale, settings } = task;
  return {
    taskType: "imageInference",
    model: model.card.air,
    positivePrompt,
    ...(negativePrompt !== undefined && { negativePrompt }),
    width,
    height,
    steps,
    scheduler,
    ...(CFGScale !== undefined && { CFGScale }),
    ...(settings?.trueCFGScale !== undefined && { settings: { trueCFGScale: settings.trueCFGScale } }),
    seed,
  };
}

interface Setting {
  readonly drawing: Drawing;
  readonly plan: SizePlan;
  readonly target: OutputTarget;
}

async function save(image: GeneratedImage, index: number, { drawing, plan, target }: Setting): Promise<Saved> {
  const { task, model } = drawing;
  const { width, height } = plan.asked;
  const picture = plan.resampled ? await resizeImage(image, width, height) : image;
  const metadata = { software, parameters: parameters(drawing, image.seed) };
  const bytes = await encodeImage(picture, { format: target.format, quality: task.outputQuality, metadata });
  const naming = { prompt: task.positivePrompt, seed: image.seed, index, count: task.numberResults };
  const path = await outputPath(target, naming);
  await writeWhole(path, bytes);
  const cost = task.includeCost ? { cost: costPerPicture(model.card.price, task) } : {};
  return { path, seed: image.seed, width, height, byteLength: bytes.length, ...cost };
}

/** Two turns of the event loop: one of them passes where Node looks for signals, so Ctrl-C is seen before the next step. */
async function letSignalsIn(): Promise<void> {
  await turn();
  await turn();
}

function shown(path: string, { cwd }: Terminal): string {
  const short = relative(cwd, path);
  return short.startsWith("..") ? path : short;
}

/** The flags of `inkstone generate` for parameters of an imageInference task. */

import { valueFromText } from "../fields/index.ts";
import { DEFAULT_MODEL } from "../models/index.ts";
import { parametersOf } from "../protocol/index.ts";
import { UsageError } from "./exit.ts";
import { pictureFile } from "./input-pictures.ts";
import { taskFlags } from "./task-flags.ts";
import type { Terminal } from "./terminal.ts";

const model = "the model's";
const assumed = (option: string) => parametersOf("imageInference").get(`acceleratorOptions.${option}`)!.default;

/** Values from commander: text, lists of text, `true`. */
export type GivenFlags = Readonly<Record<string, unknown>>;

export const generateFlags = taskFlags(
  "imageInference",
  {
    negativePrompt: "--negative <text>",
    width: { flags: "--width <pixels>", otherwise: model },
    height: { flags: "--height <pixels>", otherwise: model },
    steps: { flags: "--steps <n>", otherwise: model },
    CFGScale: { flags: "--cfg <scale>", about: "How closely the image follows the prompt.", otherwise: model },
    "settings.trueCFGScale": "--true-cfg <scale>",
    seed: {
      flags: "--seed <n>",
      about: "The same seed gives the same image. Image i uses seed + i.",
      allowed: "0 to 18446744073709551615",
      otherwise: "random",
    },
    scheduler: {
      flags: "--scheduler <name>",
      about: "The sampler and its noise levels. `inkstone schedulers` lists them.",
      otherwise: model,
    },
    numberResults: "--number <n>",
    model: {
      flags: "--model <air|folder>",
      about: "Model by identifier, or a checkpoint folder.",
      otherwise: DEFAULT_MODEL,
    },
    outputFormat: {
      flags: "--format <name>",
      about: "File format.",
      otherwise: "from the extension of --out, else PNG",
    },
    outputQuality: "--quality <n>",
    "inputs.seedImage": {
      flags: "--seed-image <file>",
      about: "Image to start from: PNG, JPG, WEBP, AVIF, GIF or TIFF.",
    },
    "inputs.strength": "--strength <n>",
    "inputs.maskImage": {
      flags: "--mask <file>",
      about: "Image of the areas to edit: white is edited, black is kept. Needs `seedImage`.",
    },
    "inputs.referenceImages": {
      flags: "--reference <file>",
      about: "Image to edit or to use, for editing models. Repeat the flag for several.",
      own: { repeated: true },
    },
    maskMargin: "--mask-margin <pixels>",
    outpaint: {
      flags: "--outpaint <t,r,b,l[,blur]>",
      about: "Pixels to add above, right, below and left of the seed image, and the softness of the transition.",
      own: { also: ["outpaint.top", "outpaint.right", "outpaint.bottom", "outpaint.left", "outpaint.blur"] },
    },
    "lora.weight": {
      flags: "--lora <air[=weight]>",
      about: "LoRA to apply. Repeat the flag for several. Weight",
      own: { repeated: true, also: ["lora", "lora.model"] },
    },
    "lora.transformer": { flags: "--lora-stage <stage>", own: {} },
    "controlNet.weight": {
      flags: "--control <air[=weight]>",
      about: "ControlNet to apply. Repeat the flag for several. Weight",
      own: { repeated: true, also: ["controlNet", "controlNet.model"] },
    },
    "controlNet.guideImage": {
      flags: "--guide <file>",
      about: "Preprocessed guide image: one for each --control, in the same order.",
      own: { repeated: true },
    },
    "controlNet.controlMode": { flags: "--control-mode <mode>", own: {} },
    "controlNet.startStepPercentage": {
      flags: "--control-start <percent>",
      about: "Start of the ControlNets, as a percentage of the steps.",
      own: {},
    },
    "controlNet.endStepPercentage": {
      flags: "--control-end <percent>",
      about: "End of the ControlNets, as a percentage of the steps.",
      own: {},
    },
    acceleratorOptions: {
      flags: "--cache <kind>",
      about: "Reuse work across steps: tea, fb or db (TeaCache, First Block Cache, DB Cache).",
      own: {},
    },
    "acceleratorOptions.teaCacheDistance": {
      flags: "--cache-threshold <n>",
      about: "Threshold of the cache. tea: higher is faster; fb, db: lower is faster.",
      otherwise: `tea ${assumed("teaCacheDistance")}, fb ${assumed("fbCacheThreshold")}, db ${assumed("dbCacheThreshold")}`,
      own: { also: ["acceleratorOptions.fbCacheThreshold", "acceleratorOptions.dbCacheThreshold"] },
    },
    "acceleratorOptions.cacheStartStepPercentage": {
      flags: "--cache-start <percent>",
      about: "Start of caching, as a percentage of the steps.",
    },
    "acceleratorOptions.cacheEndStepPercentage": {
      flags: "--cache-end <percent>",
      about: "End of caching, as a percentage of the steps.",
    },
    "acceleratorOptions.dbCacheSkipInterval": "--cache-skip <n>",
    "acceleratorOptions.cacheMaxConsecutiveSteps": "--cache-in-a-row <n>",
    "advancedFeatures.ultralytics": {
      flags: "--faces",
      about: "Finds faces and refines them. Every --face-… flag implies it.",
      own: {},
    },
    "advancedFeatures.ultralytics.confidence": "--face-confidence <n>",
    "advancedFeatures.ultralytics.maskPadding": "--face-padding <pixels>",
    "advancedFeatures.ultralytics.maskBlur": "--face-blur <pixels>",
    "advancedFeatures.ultralytics.positivePrompt": "--face-prompt <text>",
    "advancedFeatures.ultralytics.negativePrompt": "--face-negative <text>",
    "advancedFeatures.ultralytics.steps": "--face-steps <n>",
    "advancedFeatures.ultralytics.CFGScale": "--face-cfg <scale>",
    "advancedFeatures.ultralytics.strength": "--face-strength <n>",
    "advancedFeatures.ultralytics.inpaintSize": "--face-size <pixels>",
    "advancedFeatures.watermark.text": {
      flags: "--watermark <text>",
      about: "Text to lay over the image, in Noto Sans SemiBold.",
      own: { also: ["advancedFeatures.watermark"] },
    },
    "advancedFeatures.watermark.image": {
      flags: "--watermark-image <file>",
      about: "Image as a watermark, instead of text. Transparent pixels show the image below.",
    },
    "advancedFeatures.watermark.displayPosition": "--watermark-position <place>",
    "advancedFeatures.watermark.opacity": "--watermark-opacity <n>",
    "advancedFeatures.watermark.fontColor": "--watermark-color <#rgb>",
    "advancedFeatures.watermark.bgColor": "--watermark-background <#rgb>",
    "safety.checkContent": {
      flags: "--safety",
      about: "Checks images for unsafe content. INKSTONE_SAFETY_POLICY sets the treatment of unsafe images.",
    },
  },
  { positivePrompt: "PROMPT" },
);

/**
 * Builds the parameters of the task from the prompt and the flags.
 * @throws UsageError for an invalid flag, or a flag whose required flag is missing
 */
export async function fromFlags(prompt: string | undefined, flags: GivenFlags, terminal: Terminal) {
  const task = await generateFlags.read(flags, terminal);
  const {
    outpaint,
    faces,
    watermark,
    reference = [],
  } = flags as {
    outpaint?: string;
    faces?: true;
    watermark?: string;
    reference?: string[];
  };
  if (prompt !== undefined) task.positivePrompt = prompt;
  if (outpaint !== undefined) task.outpaint = readOutpaint(outpaint);
  if (reference.length > 0) {
    const referenceImages = await Promise.all(reference.map((file) => pictureFile("--reference", file, terminal)));
    task.inputs = { ...(task.inputs as object), referenceImages };
  }
  const features = (task.advancedFeatures ?? {}) as Record<string, object>;
  if (faces) features.ultralytics ??= {};
  if (watermark !== undefined) features.watermark = { ...features.watermark, text: watermark };
  if (Object.keys(features).length > 0) task.advancedFeatures = features;
  const lora = loras(flags);
  const controlNet = await controlNets(flags, terminal);
  if (lora) task.lora = lora;
  if (controlNet) task.controlNet = controlNet;
  addCache(task, flags);
  return task;
}

const read = (path: string, text: string | undefined) =>
  text && valueFromText(parametersOf("imageInference").get(path)!, text);

/** `TOP,RIGHT,BOTTOM,LEFT[,BLUR]` in pixels. */
function readOutpaint(text: string): Record<string, unknown> {
  const parts = text.split(",");
  if (parts.length < 4 || parts.length > 5) {
    throw new UsageError(
      `--outpaint is "${text}"; allowed is TOP,RIGHT,BOTTOM,LEFT or TOP,RIGHT,BOTTOM,LEFT,BLUR, in pixels`,
    );
  }
  const names = ["top", "right", "bottom", "left", "blur"].slice(0, parts.length);
  return Object.fromEntries(names.map((name, i) => [name, read(`outpaint.${name}`, parts[i]!.trim())]));
}

function loras(flags: GivenFlags) {
  const { lora, loraStage } = flags as { lora?: readonly string[]; loraStage?: string };
  if (!lora) needs("--lora", { "--lora-stage": loraStage });
  return lora?.map((text) => ({ ...weighted("lora", text), ...present({ transformer: loraStage }) }));
}

/** `AIR` or `AIR=WEIGHT`. */
function weighted(list: "lora" | "controlNet", text: string) {
  const [model, weight] = text.split(/=(.*)/s);
  return present({ model, weight: read(`${list}.weight`, weight) });
}

async function controlNets(flags: GivenFlags, terminal: Terminal) {
  const { control = [], guide = [] } = flags as { control?: readonly string[]; guide?: readonly string[] };
  const { controlMode, controlStart, controlEnd } = flags as Record<string, string | undefined>;
  if (control.length !== guide.length) {
    throw new UsageError(
      `--control is given ${control.length} times and --guide ${guide.length} times; give one --guide for each --control`,
    );
  }
  if (control.length === 0) {
    needs("--control", { "--control-mode": controlMode, "--control-start": controlStart, "--control-end": controlEnd });
    return undefined;
  }
  const shared = present({
    controlMode,
    startStepPercentage: read("controlNet.startStepPercentage", controlStart),
    endStepPercentage: read("controlNet.endStepPercentage", controlEnd),
  });
  const list = [];
  for (const [i, text] of control.entries()) {
    const guideImage = await pictureFile("--guide", guide[i], terminal);
    list.push({ ...weighted("controlNet", text), guideImage, ...shared });
  }
  return list;
}

const caches = {
  tea: ["teaCache", "teaCacheDistance"],
  fb: ["fbCache", "fbCacheThreshold"],
  db: ["dbCache", "dbCacheThreshold"],
} as const;

/** Applies the flags about caching to the selected cache. */
function addCache(task: Record<string, unknown>, flags: GivenFlags): void {
  const { cache, cacheThreshold, cacheStart, cacheEnd, cacheSkip, cacheInARow } = flags as Record<string, string>;
  if (cache === undefined) {
    needs("--cache", {
      "--cache-threshold": cacheThreshold,
      "--cache-start": cacheStart,
      "--cache-end": cacheEnd,
      "--cache-skip": cacheSkip,
      "--cache-in-a-row": cacheInARow,
    });
    return;
  }
  if (!Object.hasOwn(caches, cache)) throw new UsageError(`--cache is "${cache}"; allowed are tea, fb and db`);
  if (cache !== "db") needs("--cache db", { "--cache-skip": cacheSkip });
  const [on, threshold] = caches[cache as keyof typeof caches];
  const limit = read(`acceleratorOptions.${threshold}`, cacheThreshold);
  task.acceleratorOptions = { ...(task.acceleratorOptions as object), [on]: true, ...present({ [threshold]: limit }) };
}

/** @throws UsageError if a flag is given that has no effect without `other` */
function needs(other: string, flags: Readonly<Record<string, unknown>>): void {
  const given = Object.entries(flags).find(([, value]) => value !== undefined);
  if (given) throw new UsageError(`${given[0]} requires ${other}`);
}

const present = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

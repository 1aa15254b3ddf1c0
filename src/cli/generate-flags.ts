import { formatFromName } from "../pictures/index.ts";
import { type AdapterFlags, adapterFlagOf, adaptersFromFlags } from "./adapter-flags.ts";
import { UsageError } from "./exit.ts";
import { type FinishingFlags, finishingFlagOf, finishingFromFlags } from "./finishing-flags.ts";
import { pictureFile } from "./input-pictures.ts";
import type { Terminal } from "./terminal.ts";

/** Flags of `inkstone generate` as commander hands them over: text as typed. */
export interface GenerateFlags extends FinishingFlags, AdapterFlags {
  readonly negative?: string;
  readonly width?: string;
  readonly height?: string;
  readonly steps?: string;
  readonly cfg?: string;
  readonly trueCfg?: string;
  readonly seed?: string;
  readonly scheduler?: string;
  readonly number?: string;
  readonly model?: string;
  readonly format?: string;
  readonly quality?: string;
  readonly seedImage?: string;
  readonly mask?: string;
  readonly strength?: string;
  readonly maskMargin?: string;
  readonly outpaint?: string;
  readonly params?: string;
}

/** Which flag stands for which parameter of the task. */
export const flagOf: Readonly<Record<string, string>> = {
  positivePrompt: "PROMPT",
  negativePrompt: "--negative",
  width: "--width",
  height: "--height",
  steps: "--steps",
  CFGScale: "--cfg",
  "settings.trueCFGScale": "--true-cfg",
  seed: "--seed",
  scheduler: "--scheduler",
  numberResults: "--number",
  model: "--model",
  outputFormat: "--format",
  outputQuality: "--quality",
  "inputs.seedImage": "--seed-image",
  "inputs.maskImage": "--mask",
  "inputs.strength": "--strength",
  maskMargin: "--mask-margin",
  outpaint: "--outpaint",
  ...finishingFlagOf,
  ...adapterFlagOf,
};

/**
 * The parameters of the task that the flags ask for.
 * @throws UsageError for a flag that cannot be read
 */
export async function fromFlags(prompt: string | undefined, flags: GenerateFlags, terminal: Terminal) {
  const given = withoutUndefined({
    positivePrompt: prompt,
    negativePrompt: flags.negative,
    width: number(flags.width),
    height: number(flags.height),
    steps: number(flags.steps),
    CFGScale: number(flags.cfg),
    settings: withoutUndefined({ trueCFGScale: number(flags.trueCfg) }),
    seed: flags.seed,
    scheduler: flags.scheduler,
    numberResults: number(flags.number),
    model: flags.model,
    outputFormat: flags.format && (formatFromName(flags.format) ?? flags.format),
    outputQuality: number(flags.quality),
    inputs: withoutUndefined({
      seedImage: await pictureFile("--seed-image", flags.seedImage, terminal),
      maskImage: await pictureFile("--mask", flags.mask, terminal),
      strength: number(flags.strength),
    }),
    maskMargin: number(flags.maskMargin),
    outpaint: flags.outpaint === undefined ? undefined : outpaint(flags.outpaint),
    ...finishingFromFlags(flags, number),
    ...(await adaptersFromFlags(flags, number, terminal)),
  });
  return given ?? {};
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> | undefined {
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}

/** `TOP,RIGHT,BOTTOM,LEFT[,BLUR]` in pixels. */
function outpaint(text: string): Record<string, unknown> {
  const parts = text.split(",");
  if (parts.length < 4 || parts.length > 5) {
    throw new UsageError(
      `--outpaint is "${text}"; allowed is TOP,RIGHT,BOTTOM,LEFT or TOP,RIGHT,BOTTOM,LEFT,BLUR, in pixels`,
    );
  }
  return Object.fromEntries(
    ["top", "right", "bottom", "left", "blur"]
      .slice(0, parts.length)
      .map((side, i) => [side, number(parts[i]!.trim())]),
  );
}

/** A number where the text is one; else the text itself, which the schema then refuses with its name. */
function number(text: string | undefined): number | string | undefined {
  return text !== undefined && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
}

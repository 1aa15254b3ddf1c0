import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ParameterError } from "../../engine/index.ts";
import { onWhite, type RgbImage, resizeGray, resizeImage, type Shapes } from "../../pictures/index.ts";

/** An image and its opacity. */
type Traceable = RgbImage & { readonly alpha?: Uint8Array };

export interface TraceOptions {
  /** Aborting ends the process at once. */
  readonly signal?: AbortSignal;
  /** Milliseconds that tracing may take. Default: 3 minutes. */
  readonly timeoutMs?: number;
  /** Most characters in the paths. Default: 16 million. */
  readonly maxLength?: number;
}

/** The message to the process. */
export interface TraceJob {
  readonly width: number;
  readonly height: number;
  /** [height, width, 4] */
  readonly rgba: Uint8Array;
  readonly maxLength: number;
}

/** The answer of the process. */
export type ChildReport = { type: "done"; paths: string } | { type: "tooLong"; length: number };

/**
 * Most pixels to trace. Noise of this size takes 0.8 GB, 130 s on two busy cores, and 47 MB of SVG. A photo takes 0.3 GB, 20 s and 5 MB.
 * Shapes have no resolution, so more pixels would add little detail.
 */
const MAX_PIXELS = 2048 * 2048;

/** Opacity from which a pixel is visible. Shapes are opaque. */
const SEEN = 128;

const PROGRAM = fileURLToPath(
  new URL(`./trace-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/**
 * Traces an image into shapes, in a process that ends afterwards. An image above 4 megapixels is made smaller first. Half-transparent
 * pixels are blended with white.
 * @returns the SVG paths, and the size of their coordinates in pixels
 * @throws ParameterError `inputs.image` when tracing takes too long or gives too many shapes
 * @throws the reason of the signal
 */
export async function traceImage(
  picture: Traceable,
  { signal, timeoutMs = 180_000, maxLength = 16_000_000 }: TraceOptions = {},
): Promise<Shapes> {
  signal?.throwIfAborted();
  const { width, height, rgba, clear } = await prepare(picture);
  if (clear) return { width, height, paths: "" };
  const child = fork(PROGRAM, [], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const late = AbortSignal.timeout(timeoutMs);
  const ending = AbortSignal.any([late, ...(signal ? [signal] : [])]);
  const kill = () => child.kill("SIGKILL"); // it holds no files and no connections
  ending.addEventListener("abort", kill, { once: true });
  let report: ChildReport | undefined;
  child.on("message", (message: ChildReport) => {
    report = message;
  });
  const job: TraceJob = { width, height, rgba, maxLength };
  child.send(job, () => {}); // the close event reports a process that ended
  const end = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, killed) => resolve(`ended with ${killed ?? `exit code ${code}`}`));
  });
  ending.removeEventListener("abort", kill);
  signal?.throwIfAborted();
  if (report?.type === "done") return { width, height, paths: report.paths };
  if (report) {
    throw tooMany(`${report.length} characters of SVG, at most ${maxLength}`);
  }
  if (late.aborted) throw tooMany(`it did not finish in ${timeoutMs / 1000} seconds`);
  throw new Error(`the process that traces ${end}`);
}

const tooMany = (what: string) =>
  new ParameterError(
    "inputs.image",
    `The image has too many small areas (${what}): send one with fewer colours or less grain`,
  );

async function prepare(picture: Traceable) {
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (picture.width * picture.height)));
  const width = Math.max(1, Math.floor(picture.width * scale));
  const height = Math.max(1, Math.floor(picture.height * scale));
  const { pixels } = await resizeImage(onWhite(picture), width, height);
  const alpha = picture.alpha && (await resizeGray({ ...picture, pixels: picture.alpha }, width, height)).pixels;
  const rgba = new Uint8Array(4 * width * height);
  let clear = true;
  for (let i = 0; i < width * height; i++) {
    const seen = alpha === undefined || alpha[i]! >= SEEN;
    clear &&= !seen;
    rgba.set([pixels[3 * i]!, pixels[3 * i + 1]!, pixels[3 * i + 2]!, seen ? 255 : 0], 4 * i);
  }
  return { width, height, rgba, clear };
}

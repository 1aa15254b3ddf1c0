import { type HostTensor, type OnnxFile, openOnnxFile, type SessionOptions } from "../../onnx/index.ts";
import type { RgbImage } from "../../pictures/index.ts";
import { fillPlanes, type Planes, samples } from "../network-input.ts";
import { type Box, distinct, type Face, type FaceNetwork } from "./face.ts";

/** Input side of a network with a dynamic size: the size that Ultralytics trains with. */
const SIDE = 640;
/** Overlap above which two boxes count as one face: the default of Ultralytics. */
const MAX_OVERLAP = 0.7;

/**
 * Opens a YOLO network from an ONNX file.
 * @throws Error naming the file when it cannot be opened, or its input is not one float32 image
 */
export async function openYolo(path: string, options: SessionOptions = {}): Promise<FaceNetwork> {
  const file = await openOnnxFile(path, options);
  const input = pictureInput(file, path);
  return {
    async find(image, confidence) {
      const plan = planLetterbox(image, input);
      const planes = { data: letterboxed(image, plan).data, dims: [1, 3, input.height, input.width] };
      const results = await file.run({ [input.name]: planes });
      const { faces, overlapping } = decodeYolo(results[file.outputs[0]!.name]!, confidence);
      const found = overlapping ? distinct(faces, MAX_OVERLAP) : faces;
      return found.map(({ box, score }) => ({ box: toPicture(box, plan, image), score }));
    },
    release: () => file.release(),
  };
}

function pictureInput({ inputs }: OnnxFile, path: string): { name: string; width: number; height: number } {
  const [input] = inputs;
  if (!input || inputs.length > 1 || input.type !== "float32" || input.dims.length !== 4) {
    const found = inputs.map(({ name, type, dims }) => `${name}: ${type} [${dims.join(", ")}]`).join("; ");
    throw new Error(`${path} takes ${found || "nothing"}; allowed is one float32 image [1, 3, height, width]`);
  }
  const [height, width] = input.dims.slice(2).map((side) => (typeof side === "number" && side > 0 ? side : SIDE));
  return { name: input.name, width: width!, height: height! };
}

/** The output of the network has none of the supported layouts. */
export class UnknownYoloOutput extends Error {
  override readonly name = "UnknownYoloOutput";
}

/** Boxes with enough confidence, in pixels of the network's input. */
export interface Candidates {
  readonly faces: readonly Face[];
  /** True when several boxes may cover one face: they still need non-maximum suppression. */
  readonly overlapping: boolean;
}

/**
 * Reads the output of a network that Ultralytics exports (YOLOv8 and later). Other values of a box, such as landmarks, are ignored.
 * - [1, 4 + n, boxes], more boxes than values: centre x, centre y, width, height, score of the first class, …
 * - [1, boxes, 6 or more], at most 300 boxes: left, top, right, bottom, score, class, …; overlaps are already removed
 *
 * @throws UnknownYoloOutput for any other shape
 */
export function decodeYolo({ data, dims }: HostTensor, confidence: number): Candidates {
  const [batch, rows = 0, columns = 0] = dims;
  if (dims.length !== 3 || batch !== 1) throw unknown(dims);
  if (rows >= 5 && columns > rows) return { faces: decodeRaw(data, columns, confidence), overlapping: true };
  if (columns >= 6 && rows <= 300)
    return { faces: decodeFinished(data, rows, columns, confidence), overlapping: false };
  throw unknown(dims);
}

function decodeRaw(data: Float32Array, boxes: number, confidence: number): Face[] {
  const faces: Face[] = [];
  for (let i = 0; i < boxes; i++) {
    const value = (row: number) => data[row * boxes + i]!;
    const score = value(4);
    if (!(score >= confidence)) continue;
    const [width, height] = [value(2), value(3)];
    faces.push({ box: { left: value(0) - width / 2, top: value(1) - height / 2, width, height }, score });
  }
  return faces;
}

function decodeFinished(data: Float32Array, boxes: number, values: number, confidence: number): Face[] {
  const faces: Face[] = [];
  for (let i = 0; i < boxes; i++) {
    const [left = 0, top = 0, right = 0, bottom = 0, score = 0, category] = data.subarray(i * values, i * values + 6);
    if (!(score >= confidence) || category !== 0 || right <= left || bottom <= top) continue; // a row of zeros is no box
    faces.push({ box: { left, top, width: right - left, height: bottom - top }, score });
  }
  return faces;
}

function unknown(dims: readonly number[]): UnknownYoloOutput {
  return new UnknownYoloOutput(
    `the output has the shape [${dims.join(", ")}]; allowed are [1, 4 + classes, boxes] and [1, up to 300 boxes, 6 or more]. ` +
      "Export YOLOv8 or later with Ultralytics",
  );
}

/** Position of an image inside the rectangle that a network takes. */
export interface Letterbox {
  /** Size of the network's input, in pixels. */
  readonly width: number;
  readonly height: number;
  /** The area of the image in it, in whole pixels. */
  readonly left: number;
  readonly top: number;
  readonly innerWidth: number;
  readonly innerHeight: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Grey of the bars, the value that Ultralytics trains with. */
const BARS = 114 / 255;

/** Fits the image into the middle of the input and keeps its aspect ratio. Source: `LetterBox` of ultralytics, `center=True`. */
export function planLetterbox(picture: Size, input: Size): Letterbox {
  const scale = Math.min(input.width / picture.width, input.height / picture.height);
  const innerWidth = Math.max(1, Math.round(picture.width * scale));
  const innerHeight = Math.max(1, Math.round(picture.height * scale));
  return {
    width: input.width,
    height: input.height,
    left: Math.floor((input.width - innerWidth) / 2),
    top: Math.floor((input.height - innerHeight) / 2),
    innerWidth,
    innerHeight,
  };
}

/** Converts a box from the network's input to the image. */
export function toPicture(box: Box, plan: Letterbox, picture: Size): Box {
  const x = picture.width / plan.innerWidth;
  const y = picture.height / plan.innerHeight;
  return {
    left: (box.left - plan.left) * x,
    top: (box.top - plan.top) * y,
    width: box.width * x,
    height: box.height * y,
  };
}

/** The input of the network, [3, height, width]: the image, resampled between pixel centres, and grey bars around it. */
export function letterboxed(image: RgbImage, plan: Letterbox): Planes {
  const { width, height } = plan;
  const planes = { width, height, data: new Float32Array(3 * width * height).fill(BARS) };
  const columns = samples(image.width, plan.innerWidth, "centres");
  const rows = samples(image.height, plan.innerHeight, "centres");
  fillPlanes(image, { columns, rows }, planes, plan);
  return planes;
}

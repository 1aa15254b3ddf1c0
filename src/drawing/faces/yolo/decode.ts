import type { HostTensor } from "../../../onnx/index.ts";
import type { Face } from "../face.ts";

/** A network whose output is none of the layouts understood. */
export class UnknownYoloOutput extends Error {
  override readonly name = "UnknownYoloOutput";
}

/** Boxes, in the pixels of the network's input, that reach the confidence. */
export interface Candidates {
  readonly faces: readonly Face[];
  /** Whether overlapping boxes of one face are still to be removed. */
  readonly overlapping: boolean;
}

/**
 * Reads what Ultralytics' exports put out (YOLOv8 and later); other values of a box, such as landmarks, are passed over.
 * - [1, 4 + n, boxes], more boxes than values: centre x, centre y, width, height, score of the first class, …
 * - [1, boxes, 6 or more], at most 300 boxes: left, top, right, bottom, score, class, …; overlaps are gone already
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
    if (!(score >= confidence) || category !== 0 || right <= left || bottom <= top) continue; // rows without a box are zeros
    faces.push({ box: { left, top, width: right - left, height: bottom - top }, score });
  }
  return faces;
}

function unknown(dims: readonly number[]): UnknownYoloOutput {
  return new UnknownYoloOutput(
    `the output has the shape [${dims.join(", ")}]; allowed are [1, 4 + classes, boxes] and [1, up to 300 boxes, 6 or more], ` +
      "as Ultralytics exports YOLOv8 and later",
  );
}

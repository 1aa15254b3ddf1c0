import type { RgbImage } from "../../../pictures/index.ts";
import { fillPlanes, type Planes, samples } from "../../network-input.ts";
import type { Box } from "../face.ts";

/** Where a picture lies inside the square (or other rectangle) that a network takes. */
export interface Letterbox {
  /** Pixels of the network's input. */
  readonly width: number;
  readonly height: number;
  /** The picture inside it, in whole pixels. */
  readonly left: number;
  readonly top: number;
  readonly innerWidth: number;
  readonly innerHeight: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Grey of the bars, as in Ultralytics' training. */
const BARS = 114 / 255;

/** Fits the picture into the input at its own aspect, in the middle. Source: `LetterBox` of ultralytics, `center=True`. */
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

/** A box in the network's input, brought back to the picture. */
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

/** The network's input: the picture resampled between pixel centres, grey bars around. */
export function letterboxed(image: RgbImage, plan: Letterbox): Planes {
  const { width, height } = plan;
  const planes = { width, height, data: new Float32Array(3 * width * height).fill(BARS) };
  const columns = samples(image.width, plan.innerWidth, "centres");
  const rows = samples(image.height, plan.innerHeight, "centres");
  fillPlanes(image, { columns, rows }, planes, plan);
  return planes;
}

import { type GrayImage, grayOf, type RgbImage } from "../picture.ts";
import { gaussianBlur } from "./gaussian.ts";

/** Edges finer than this, in pixels, are texture. */
const SIGMA = 1.5;
/** The share of pixels that may be whiter than white: a few hard edges shall not leave the others black. */
const CLIPPED = 0.01;

/**
 * Soft white edges on black, brighter where the picture changes more: the length of the gradient of the blurred brightness,
 * scaled so that the strongest hundredth of the pixels is white. A classical stand-in for the neural edge detectors.
 */
export function softEdge(picture: RgbImage): GrayImage {
  const { width, height } = picture;
  const gray = { width, height, channels: 1, values: Float32Array.from(grayOf(picture).pixels) };
  const { values } = gaussianBlur(gray, SIGMA);
  const at = (x: number, y: number) =>
    values[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))]!;
  const lengths = Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return Math.hypot(at(x + 1, y) - at(x - 1, y), at(x, y + 1) - at(x, y - 1));
  });
  const white = lengths.slice().sort()[Math.floor((1 - CLIPPED) * (lengths.length - 1))]!;
  const pixels = Uint8Array.from(lengths, (l) => (white > 0 ? Math.min(255, Math.round((255 * l) / white)) : 0));
  return { width, height, pixels };
}

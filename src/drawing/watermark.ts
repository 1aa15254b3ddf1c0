/** A text or an image laid over finished images. */

import { ParameterError } from "../engine/index.ts";
import type { Size } from "../models/index.ts";
import { fitInside, type GrayImage, ImageError, type RgbImage, resizeImage, textMask } from "../pictures/index.ts";
import type { ImageInferenceTask, WatermarkPosition } from "../protocol/index.ts";

/** The mark, and how to lay it over images. */
export interface Watermark {
  readonly mark: { readonly text: string; readonly colour: Colour } | { readonly image: Decoded };
  readonly position: WatermarkPosition;
  /** 0…1 */
  readonly opacity: number;
  /** Colour of a plate behind it. Absent: no plate. */
  readonly plate?: Colour;
}

type Decoded = RgbImage & { readonly alpha?: Uint8Array };
type Colour = readonly [red: number, green: number, blue: number];

/** A mark, ready to lay over an image: its colours are multiplied by their alpha. */
interface Layer extends RgbImage {
  /** [height, width], 0…255 */
  readonly alpha: Uint8Array;
}

/** Height of letters, as a share of the image's shorter side; at least `SMALLEST_LETTERS` pixels. */
const LETTER_SHARE = 0.05;
const SMALLEST_LETTERS = 6;
/** Largest width of a text, as a share of the image's width. */
const LINE_SHARE = 0.9;
/** Distance from the edges of the image, as a share of its shorter side. */
const MARGIN_SHARE = 0.025;
/** Largest size of an image, as a share of each side. */
const IMAGE_SHARE = 0.25;

/** The watermark of a task; `image` is the decoded image that it names. */
export function watermarkOf(task: ImageInferenceTask, image: Decoded | undefined): Watermark | undefined {
  const asked = task.advancedFeatures?.watermark;
  if (asked === undefined) return undefined;
  const { text, fontColor = "#FFFFFF", bgColor, displayPosition, tiled, opacity } = asked;
  return {
    mark: text === undefined ? { image: image! } : { text, colour: readColour(fontColor) },
    position: tiled ? "tiled" : displayPosition,
    opacity,
    plate: bgColor === undefined ? undefined : readColour(bgColor),
  };
}

/** Reads `#F80` or `#FF8800`, with or without the sign. */
function readColour(text: string): Colour {
  const digits = text.replace("#", "");
  const [red, green, blue] = digits.length === 3 ? [...digits].map((digit) => digit + digit) : digits.match(/../g)!;
  return [Number.parseInt(red!, 16), Number.parseInt(green!, 16), Number.parseInt(blue!, 16)];
}

/**
 * Prepares a watermark for images of one size. The function that it returns lays it over an image; pixels outside the mark keep their
 * value, bit for bit.
 * @throws ParameterError `watermark.text` when no part of the text is visible
 */
export async function watermarker({ mark, position, opacity, plate }: Watermark, size: Size) {
  const bare =
    "text" in mark ? await textLayer(mark.text, mark.colour, size, !plate) : await imageLayer(mark.image, size);
  const layer = plate ? onPlate(bare, plate) : bare;
  const places = position === "tiled" ? tiles(layer, size) : [placeOf(layer, position, size)];
  return <Picture extends RgbImage>(picture: Picture): Picture => {
    const pixels = new Uint8Array(picture.pixels);
    for (const place of places) layOver(pixels, size, layer, place, opacity);
    return { ...picture, pixels };
  };
}

/** A text in one colour. An edge of the opposite lightness makes it readable on any image. */
async function textLayer(text: string, colour: Colour, { width, height }: Size, edged: boolean): Promise<Layer> {
  const wanted = Math.max(SMALLEST_LETTERS, Math.round(Math.min(width, height) * LETTER_SHARE));
  const visible = (letters: number) =>
    textMask(text, letters).catch((error) => {
      if (error instanceof ImageError) throw new ParameterError("watermark.text", error.message);
      throw error;
    });
  const full = await visible(wanted);
  const fitting = Math.floor((wanted * width * LINE_SHARE) / full.width);
  const ink = full.width <= width * LINE_SHARE ? full : await visible(Math.max(SMALLEST_LETTERS, fitting));
  const edge = edged ? Math.max(1, Math.round(wanted / 20)) : 0;
  const [inner, outer] = [padded(ink, edge), grown(padded(ink, edge), edge)];
  const bright = colour[0] * 299 + colour[1] * 587 + colour[2] * 114 >= 128_000;
  const edgeColour = bright ? 0 : 255;
  const alpha = inner.pixels.map((value, i) => Math.round(value + (outer.pixels[i]! * (255 - value)) / 255));
  const pixels = new Uint8Array(alpha.length * 3).map((_, at) => {
    const i = Math.floor(at / 3);
    const value = inner.pixels[i]!;
    return Math.round((colour[at % 3]! * value + edgeColour * (alpha[i]! - value)) / 255);
  });
  return { width: inner.width, height: inner.height, pixels, alpha };
}

function padded({ width, height, pixels }: GrayImage, edge: number): GrayImage {
  const wide = width + 2 * edge;
  const all = new Uint8Array(wide * (height + 2 * edge));
  for (let y = 0; y < height; y++) all.set(pixels.subarray(y * width, (y + 1) * width), (y + edge) * wide + edge);
  return { width: wide, height: height + 2 * edge, pixels: all };
}

/** Each pixel takes the largest value within `edge` pixels, in a square window. */
function grown({ width, height, pixels }: GrayImage, edge: number): GrayImage {
  const largest = pixels.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let value = 0;
    for (let row = Math.max(0, y - edge); row <= Math.min(height - 1, y + edge); row++) {
      for (let column = Math.max(0, x - edge); column <= Math.min(width - 1, x + edge); column++) {
        value = Math.max(value, pixels[row * width + column]!);
      }
    }
    return value;
  });
  return { width, height, pixels: largest };
}

/** An image, shrunk to fit. It is multiplied by its alpha first, because transparent pixels may have any colour. */
async function imageLayer({ width, height, pixels, alpha }: Decoded, size: Size): Promise<Layer> {
  const solid = alpha ?? new Uint8Array(width * height).fill(255);
  const multiplied = pixels.map((value, at) => Math.round((value * solid[Math.floor(at / 3)]!) / 255));
  const threefold = new Uint8Array(pixels.length).map((_, at) => solid[Math.floor(at / 3)]!);
  const fitted = fitInside(
    { width, height },
    { width: Math.max(1, size.width * IMAGE_SHARE), height: Math.max(1, size.height * IMAGE_SHARE) },
  );
  const colours = await resizeImage({ width, height, pixels: multiplied }, fitted.width, fitted.height);
  const opacity = await resizeImage({ width, height, pixels: threefold }, fitted.width, fitted.height);
  const shown = opacity.pixels.filter((_, at) => at % 3 === 0);
  // Lanczos overshoots: limit each colour to its alpha.
  const bounded = colours.pixels.map((value, at) => Math.min(value, opacity.pixels[at]!));
  return { ...fitted, pixels: bounded, alpha: shown };
}

function onPlate({ width, height, pixels, alpha }: Layer, plate: Colour): Layer {
  const edge = Math.max(2, Math.round(height * 0.3));
  const [wide, tall] = [width + 2 * edge, height + 2 * edge];
  const all = new Uint8Array(wide * tall * 3).map((_, at) => plate[at % 3]!);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [y * width + x, (y + edge) * wide + x + edge];
      for (let c = 0; c < 3; c++) {
        all[to * 3 + c] = Math.round(pixels[from * 3 + c]! + (plate[c]! * (255 - alpha[from]!)) / 255);
      }
    }
  }
  return { width: wide, height: tall, pixels: all, alpha: new Uint8Array(wide * tall).fill(255) };
}

interface Place {
  readonly left: number;
  readonly top: number;
}

function placeOf(layer: Size, position: WatermarkPosition, { width, height }: Size): Place {
  const margin = Math.round(Math.min(width, height) * MARGIN_SHARE);
  const [room, space] = [width - layer.width, height - layer.height];
  const at = (start: string, end: string, free: number) =>
    position.includes(start) ? margin : position.includes(end) ? free - margin : Math.round(free / 2);
  return { left: at("left", "right", room), top: at("top", "bottom", space) };
}

/** Rows of marks, every second one shifted by half, until they cover the image. */
function tiles(layer: Size, { width, height }: Size): Place[] {
  const gap = Math.max(layer.height, Math.round(Math.min(width, height) * 2 * LETTER_SHARE));
  const [across, down] = [layer.width + gap, layer.height + gap];
  const places: Place[] = [];
  for (let row = 0, top = Math.round(gap / 2); top < height; row++, top += down) {
    for (let left = Math.round(gap / 2) - (row % 2 ? Math.round(across / 2) : 0); left < width; left += across) {
      places.push({ left, top });
    }
  }
  return places;
}

/** Lays a mark over [height, width, 3] pixels. Parts outside are cut off. */
function layOver(
  pixels: Uint8Array,
  { width, height }: Size,
  layer: Layer,
  { left, top }: Place,
  opacity: number,
): void {
  for (let y = Math.max(0, -top); y < Math.min(layer.height, height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(layer.width, width - left); x++) {
      const from = y * layer.width + x;
      const alpha = layer.alpha[from]!;
      if (alpha === 0) continue;
      const to = ((top + y) * width + left + x) * 3;
      for (let c = 0; c < 3; c++) {
        const kept = pixels[to + c]! * (1 - (opacity * alpha) / 255);
        pixels[to + c] = Math.round(kept + opacity * layer.pixels[from * 3 + c]!);
      }
    }
  }
}

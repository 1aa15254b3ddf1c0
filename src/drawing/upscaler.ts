import { fileURLToPath } from "node:url";
import { ParameterError } from "../engine/index.ts";
import { openOnnxFile, type SessionOptions } from "../onnx/index.ts";
import { crop, type Rectangle, type RgbImage } from "../pictures/index.ts";

export type UpscaleFactor = 2 | 3 | 4;

/** Callbacks of `upscale`. */
export interface UpscaleHooks {
  /** Called after each tile. If it returns a promise, the next tile waits for it. */
  onTile?(done: number, tiles: number): void | Promise<void>;
  /** Aborting stops before the next tile. */
  readonly signal?: AbortSignal;
}

/** A loaded network that enlarges images. It computes on the calling thread. */
export interface Upscaler {
  /**
   * Enlarges an image, tile by tile. The tiles join without a seam: the result equals that of the whole image.
   * @throws ParameterError `inputs.image` when the result would exceed 50 megapixels
   * @throws the reason of the signal, within one tile
   */
  upscale(image: RgbImage, factor: UpscaleFactor, hooks?: UpscaleHooks): Promise<RgbImage>;
  release(): Promise<void>;
}

/** Factor of the network: a pixel becomes 4×4. */
const SCALE = 4;
/** Pixels around a tile that affect it: one for each of the 17 convolutions of 3×3. */
const REACH = 17;
/** Side of a tile, in pixels. Computing one takes 0.4 GB. */
const TILE = 256;
/** The limit for decoding, so that every result can be an input. */
const MAX_PIXELS = 50_000_000;

/** The compact network of Real-ESRGAN, written by `reference/upscaler.py`. */
const FILE = fileURLToPath(new URL("../../assets/upscale.onnx", import.meta.url));

/**
 * Opens the built-in network.
 * @param tile side of a tile, in pixels
 */
export async function openUpscaler(options: SessionOptions = {}, tile = TILE): Promise<Upscaler> {
  const file = await openOnnxFile(FILE, options);
  return {
    async upscale(image, factor, { onTile, signal } = {}) {
      const [width, height] = [image.width * factor, image.height * factor];
      if (width * height > MAX_PIXELS) {
        const size = `${image.width}×${image.height}, enlarged ${factor} times ${width}×${height}`;
        throw new ParameterError(
          "inputs.image",
          `The image is ${size} pixels; the result may have at most ${MAX_PIXELS}. Send a smaller image or a smaller upscaleFactor`,
        );
      }
      const result = { width, height, pixels: new Uint8Array(width * height * 3) };
      const tiles = tilesOf(image, tile);
      for (const [i, part] of tiles.entries()) {
        signal?.throwIfAborted();
        const seen = surroundings(part, image);
        const planes = { data: planesOf(crop(image, seen)), dims: [1, 3, seen.height, seen.width] };
        const { upscaled } = await file.run({ image: planes });
        put(upscaled!.data, seen, part, factor, result);
        await onTile?.(i + 1, tiles.length);
      }
      return result;
    },
    release: () => file.release(),
  };
}

/** Rectangles that cover the image, row by row. */
function tilesOf({ width, height }: RgbImage, side: number): Rectangle[] {
  const tiles: Rectangle[] = [];
  for (let top = 0; top < height; top += side)
    for (let left = 0; left < width; left += side)
      tiles.push({ left, top, width: Math.min(side, width - left), height: Math.min(side, height - top) });
  return tiles;
}

/** A tile and all pixels that affect it. At the border of the image the network pads with zeros, as it does for a whole image. */
function surroundings({ left, top, width, height }: Rectangle, picture: RgbImage): Rectangle {
  const [x, y] = [Math.max(0, left - REACH), Math.max(0, top - REACH)];
  return {
    left: x,
    top: y,
    width: Math.min(picture.width, left + width + REACH) - x,
    height: Math.min(picture.height, top + height + REACH) - y,
  };
}

/** 0…1, [3, height, width] */
function planesOf({ width, height, pixels }: RgbImage): Float32Array {
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) planes[c * area + i] = pixels[3 * i + c]! / 255;
  return planes;
}

/**
 * Writes the part of the network's output that belongs to a tile. For factors 2 and 3, the 4×4 values of a pixel are averaged over the
 * area of each result pixel. So no pixel of the result depends on a neighbouring tile.
 * @param planes about 0…1, [3, 4 · height, 4 · width] of `seen`
 */
function put(planes: Float32Array, seen: Rectangle, part: Rectangle, factor: UpscaleFactor, result: RgbImage): void {
  const stride = SCALE * seen.width;
  const area = stride * SCALE * seen.height;
  const shares = areaShares(factor);
  for (let y = 0; y < part.height * factor; y++) {
    const row = (Math.floor(y / factor) + part.top - seen.top) * SCALE;
    for (let x = 0; x < part.width * factor; x++) {
      const column = (Math.floor(x / factor) + part.left - seen.left) * SCALE;
      const at = ((part.top * factor + y) * result.width + part.left * factor + x) * 3;
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (const [dy, down] of shares[y % factor]!)
          for (const [dx, across] of shares[x % factor]!)
            sum += down * across * planes[c * area + (row + dy) * stride + column + dx]!;
        result.pixels[at + c] = Math.round(255 * Math.min(1, Math.max(0, sum)));
      }
    }
  }
}

/** For each of `factor` equal parts of four values: the values that it covers, and the weight of each. */
function areaShares(factor: UpscaleFactor): (readonly [index: number, share: number])[][] {
  const length = SCALE / factor;
  return Array.from({ length: factor }, (_, part) =>
    [0, 1, 2, 3].flatMap((index) => {
      const covered = Math.min(index + 1, (part + 1) * length) - Math.max(index, part * length);
      return covered > 1e-9 ? [[index, covered / length] as const] : [];
    }),
  );
}

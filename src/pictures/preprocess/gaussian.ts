/** An image of floating-point numbers, [height, width, channels]. */
export interface FloatPicture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly values: Float32Array;
}

/**
 * Gaussian blur, rows then columns. At the border the image is mirrored without its outermost pixel.
 * Kernel width and border are those of `cv2.GaussianBlur(picture, (0, 0), sigma)` for float32.
 */
export function gaussianBlur(picture: FloatPicture, sigma: number): FloatPicture {
  const { width, height, channels } = picture;
  const kernel = gaussianKernel(sigma);
  const rows = convolve(picture.values, kernel, {
    lines: height,
    length: width,
    channels,
    step: channels,
    stride: width * channels,
  });
  const values = convolve(rows, kernel, {
    lines: width,
    length: height,
    channels,
    step: width * channels,
    stride: channels,
  });
  return { width, height, channels, values };
}

/** Odd length, sum 1. */
function gaussianKernel(sigma: number): Float64Array {
  const length = Math.round(sigma * 8 + 1) | 1;
  const middle = (length - 1) / 2;
  const kernel = Float64Array.from({ length }, (_, i) => Math.exp(-((i - middle) ** 2) / (2 * sigma ** 2)));
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  return kernel.map((weight) => weight / sum);
}

interface Lines {
  readonly lines: number;
  readonly length: number;
  readonly channels: number;
  /** Distance between neighbours in a line, and between the first values of two lines. */
  readonly step: number;
  readonly stride: number;
}

function convolve(
  values: Float32Array,
  kernel: Float64Array,
  { lines, length, channels, step, stride }: Lines,
): Float32Array {
  const result = new Float32Array(values.length);
  const reach = (kernel.length - 1) / 2;
  for (let i = 0; i < length; i++) {
    const places = Array.from(kernel, (_, k) => mirrored(i + k - reach, length) * step);
    for (let line = 0; line < lines; line++) {
      for (let c = 0; c < channels; c++) {
        const start = line * stride + c;
        let sum = 0;
        for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * values[start + places[k]!]!;
        result[start + i * step] = sum;
      }
    }
  }
  return result;
}

/** … 2 1 | 0 1 2 … n-1 | n-2 n-3 … */
function mirrored(i: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const place = ((i % period) + period) % period;
  return place < length ? place : period - place;
}

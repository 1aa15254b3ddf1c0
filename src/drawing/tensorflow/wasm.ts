/** TensorFlow.js on its WebAssembly backend. The only place that chooses it; meant for child processes. */

import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";

/** An 8-bit RGB picture, rows top to bottom: [height, width, 3]. */
interface RgbPicture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** Makes WebAssembly the backend: one thread with SIMD, no native code, the same numbers on every run. */
export async function useWebAssembly(): Promise<void> {
  await tf.setBackend("wasm");
  await tf.ready();
}

/** [height, width, 3] of 0…255, as `tf.browser.fromPixels` gives it. The caller disposes of it. */
export function pictureTensor({ width, height, pixels }: RgbPicture): tf.Tensor3D {
  return tf.tensor3d(pixels, [height, width, 3], "int32");
}

/**
 * Qwen-Image in-process, and the server that speaks the imageInference API. `inkstone/engine` is the engine alone and loads
 * faster.
 *
 * @example
 * import { encodeImage, Pipeline } from "inkstone";
 *
 * const pipeline = await Pipeline.load(); // the bundled checkpoint, or the folder of another
 * const [image] = await pipeline.generate(
 *   { prompt: 'a wooden sign that says "OPEN"', width: 256, height: 256, steps: 20, seed: 7n },
 *   { onStep: ({ step, steps }) => console.log(`${step}/${steps}`) },
 * );
 * await writeFile("sign.png", await encodeImage(image, { format: "PNG" }));
 * await pipeline.dispose();
 */

export { type Drawing, type DrawOptions, draw, type Outpaint } from "./drawing/index.ts";
export {
  CheckpointError,
  type GeneratedImage,
  type GenerateHooks,
  type GenerateParams,
  type GrayImage,
  ParameterError,
  Pipeline,
  type RgbImage,
  type StepEvent,
} from "./engine/index.ts";
export { findModel, listModels, type Model, ModelError, modelLocations } from "./models/index.ts";
export {
  type DecodedImage,
  decodeImage,
  encodeImage,
  ImageError,
  type ImageFormat,
  type PictureMetadata,
  readMetadata,
  resizeImage,
} from "./pictures/index.ts";
export { createServer, type Server } from "./server/index.ts";
export { type Config, ConfigError, readConfig } from "./settings/index.ts";

export {
  type DecodeOptions,
  decodeImage,
  type EncodeOptions,
  encodeImage,
  type ImageHeader,
  readHeader,
  readMetadata,
  resizeGray,
  resizeImage,
  textMask,
} from "./codec.ts";
export { composite, crop, paste, type Rectangle } from "./composite.ts";
export { ImageError, type ImageErrorReason } from "./errors.ts";
export type { MetadataObject, MetadataValue, PictureMetadata } from "./metadata.ts";
export {
  contentTypeOf,
  type DecodedImage,
  extensionOf,
  fitInside,
  formatFromName,
  type GrayImage,
  grayOf,
  type ImageFormat,
  imageFormats,
  onWhite,
  type RgbImage,
  type WrittenFormat,
} from "./picture.ts";
export { canny } from "./preprocess/canny.ts";
export { type GuideFilter, guideImage } from "./preprocess/guide.ts";
export { resample } from "./resample.ts";
export { readSvg, type Shapes, svgFile } from "./svg.ts";

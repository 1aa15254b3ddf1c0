/** Reasons to refuse an image. These words are stable: callers map them to their error codes. */
export type ImageErrorReason =
  | "empty"
  | "unsupportedFormat"
  | "damaged"
  | "tooManyPixels"
  | "invalidFormat"
  | "invalidQuality"
  | "invalidSize"
  | "invalidMetadata"
  | "noText";

/** Refuses an image or an option. The message names the value given and the values allowed. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly reason: ImageErrorReason;
  constructor(reason: ImageErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

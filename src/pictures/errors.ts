/** Why a picture was refused; stable words that callers map to their own error codes. */
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

/** Thrown for a picture or an option that `images/` refuses; the message says what was given and what is allowed. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly reason: ImageErrorReason;
  constructor(reason: ImageErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

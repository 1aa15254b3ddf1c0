/** Reasons why a model cannot be used. These words are stable: callers map them to their error codes. */
export type ModelErrorReason =
  | "unknownModel"
  | "invalidCard"
  | "notACheckpoint"
  | "notAnAdapter"
  | "damagedFile"
  | "alreadyInstalled"
  | "notRemovable";

/** An error of the registry. The message names the value given and the values known or allowed. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  readonly reason: ModelErrorReason;
  constructor(reason: ModelErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Why a model cannot be used; stable words that callers map to their own error codes. */
export type ModelErrorReason =
  | "unknownModel"
  | "invalidCard"
  | "notACheckpoint"
  | "notAnAdapter"
  | "damagedFile"
  | "alreadyInstalled"
  | "notRemovable";

/** Thrown by the registry; the message says what was given and what is known or allowed. */
export class ModelError extends Error {
  override readonly name = "ModelError";
  readonly reason: ModelErrorReason;
  constructor(reason: ModelErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Thrown when a checkpoint folder cannot be used; the message names the file, tensor or key. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

import { type DataItem, type ErrorItem, type ErrorOwner, errorItem, TaskError } from "../../protocol/index.ts";

/** An item of `data`, made only when it is sent: images in base64 are large, and one at a time is enough. */
export interface LazyItem {
  /** Whose error it is when it cannot be made. */
  readonly owner: ErrorOwner;
  make(): DataItem | Promise<DataItem>;
}

/** Makes one item; when that fails, the error that stands in its place. */
export async function made(
  { make, owner: { taskUUID, taskType } }: LazyItem,
  documentation: string,
): Promise<{ readonly item: DataItem } | { readonly failed: ErrorItem }> {
  try {
    return { item: await make() };
  } catch (thrown) {
    return { failed: errorItem(asTaskError(thrown).body, { taskUUID, taskType }, documentation) };
  }
}

/** What a task is answered with. */
export interface Answer {
  readonly data: readonly LazyItem[];
  readonly errors: readonly ErrorItem[];
}

/** An answer of items that need no work. */
export const answerWith = (...items: readonly DataItem[]): Answer => ({
  data: items.map((item) => ({ owner: item, make: () => item })),
  errors: [],
});

/** An answer that is only errors. */
export const refuseWith = (errors: readonly TaskError[], owner: ErrorOwner, documentation: string): Answer => ({
  data: [],
  errors: errors.map((error) => errorItem(error.body, owner, documentation)),
});

/** Any thrown thing as a catalogue error; what is not one of ours is a defect and says nothing to the caller. */
export const asTaskError = (thrown: unknown): TaskError =>
  thrown instanceof TaskError ? thrown : new TaskError("internalServerError", {}, {}, { cause: thrown });

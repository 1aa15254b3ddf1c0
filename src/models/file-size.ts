import { stat } from "node:fs/promises";

/** Size of a file in bytes; undefined if there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

import { readFile } from "node:fs/promises";
import { CheckpointError } from "./checkpoint-error.ts";

/** @throws CheckpointError when the file is missing or is not JSON */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "is missing" : (cause as Error).message;
    throw new CheckpointError(`${path} ${reason}`, { cause });
  }
}
